"""What Prometheus sees: every metric of ours, and the text of one scrape, summed over all worker processes.

With several processes each writes what it counts into a folder that PROMETHEUS_MULTIPROC_DIR names, and whichever is
asked adds them up. prometheus_client decides by that variable when it is imported, so nothing here imports it before
the first metric is wanted. No label has unbounded values: routes are templates, the rest are words of ours or set up.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import Failure
from assistant.processes import lives

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from assistant.snapshot import Snapshot

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Seconds. Quoting takes a twentieth of a second, a chat model up to half a minute.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)


class Metrics:
    """The metrics of this process. Use `metrics()`, which makes them once."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
        from prometheus_client.metrics import disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the text and say nothing here
        self._folder = os.environ.get(_FOLDER)
        self._registry = CollectorRegistry()
        if not self._folder:
            ProcessCollector(registry=self._registry)
        into: dict[str, Any] = {"registry": self._registry}
        timed: dict[str, Any] = {"buckets": _BUCKETS, **into}
        self.requests = Counter(
            "assistant_http_requests_total",
            "HTTP requests by method, route template and status",
            ["method", "route", "status"],
            **into,
        )
        self.request_seconds = Histogram(
            "assistant_http_request_seconds",
            "Time from a request's arrival to the end of its response, streams included",
            ["method", "route"],
            **timed,
        )
        self.requests_running = Gauge(
            "assistant_http_requests_running", "HTTP requests being served", multiprocess_mode="livesum", **into
        )
        self.answers = Counter(
            "assistant_answers_total",
            "Answers by surface, outcome and reader; refused: the question's fault, failed: ours, stopped: not awaited",
            ["surface", "outcome", "reader"],
            **into,
        )
        self.answers_running = Gauge(
            "assistant_answers_running", "Answers being worked on", multiprocess_mode="livesum", **into
        )
        self.answer_seconds = Histogram("assistant_answer_seconds", "Time for a whole answer", ["reader"], **timed)
        self.stage_seconds = Histogram(
            "assistant_answer_stage_seconds", "Time in one stage of an answer", ["stage"], **timed
        )
        self.first_sentence_seconds = Histogram(
            "assistant_answer_first_sentence_seconds",
            "Time to the first sentence that can be shown",
            ["reader"],
            **timed,
        )
        self.withheld = Counter(
            "assistant_sentences_withheld_total", "Sentences of a chat model that the articles do not support", **into
        )
        self.fallbacks = Counter(
            "assistant_fallbacks_total",
            "Answers that fell back to quoting; unsupported: the articles support nothing of what the model wrote",
            ["reason"],
            **into,
        )
        self.provider_errors = Counter(
            "assistant_provider_errors_total", "Failures of a chat or embedding provider", ["kind"], **into
        )
        self.tokens = Counter(
            "assistant_tokens_total",
            "Tokens of the chat model by its provider's count",
            ["direction", "reader"],
            **into,
        )
        self.feedback = Counter("assistant_feedback_total", "What readers said of answers", ["helpful"], **into)
        # From zero on: of a series that begins at one, Prometheus never sees the first.
        for failure in Failure:
            self.provider_errors.labels(failure)
        for reason in ("provider", "unsupported"):
            self.fallbacks.labels(reason)
        for helpful in ("yes", "no"):
            self.feedback.labels(helpful)
        newest: dict[str, Any] = {"multiprocess_mode": "livemostrecent", **into}
        self._build = Gauge("assistant_build_info", "Always 1; what runs here", ["version", "reader"], **newest)
        self._articles = Gauge("assistant_index_articles", "Articles in the index", **newest)
        self._passages = Gauge("assistant_index_passages", "Passages in the index", **newest)
        self._revision = Gauge(
            "assistant_index_revision", "The index's revision as a number: equal where the articles are", **newest
        )

    def describe(self, version: str, reader: str, snapshot: "Snapshot | None") -> None:
        """What runs and what it serves, as of now; without a snapshot the index stays as it was last, at first 0."""
        self._build.labels(version, reader).set(1)
        if snapshot is not None:
            self._articles.set(len(snapshot.articles))
            self._passages.set(len(snapshot.passages))
            # As a label it would be a new series with every sync. 12 digits are what a float holds exactly.
            self._revision.set(int(snapshot.revision[:12] or "0", 16))

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """The metrics of all processes and the content type, in the format that a scraper's Accept header prefers."""
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(accept)
        return encode(self._everything()), content_type

    def _everything(self) -> Any:
        if not self._folder:
            return self._registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

        workers = {int(path.stem.rpartition("_")[2]) for path in Path(self._folder).glob("*.db")}
        living = {pid for pid in workers if lives(pid)}
        for pid in workers - living:  # one that was killed has left its gauges behind
            mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        together = CollectorRegistry()
        MultiProcessCollector(together, self._folder)  # type: ignore[no-untyped-call]
        together.register(_processes(living))
        return together


@cache
def metrics() -> Metrics:
    """The metrics of this process."""
    return Metrics()


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let the worker processes that are started meanwhile count together. For their parent, before it starts them.

    A folder that PROMETHEUS_MULTIPROC_DIR names already is used as it is; what an earlier run left there is removed.
    """
    given = os.environ.get(_FOLDER)
    if given:
        folder = Path(given)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.db"):
            left.unlink()
        yield
        return
    with tempfile.TemporaryDirectory(prefix="assistant-metrics-") as made:
        os.environ[_FOLDER] = made
        try:
            yield
        finally:
            del os.environ[_FOLDER]


def _processes(pids: Iterable[int]) -> "Collector":
    """Memory, processor time and files of several processes, added up; of their start times the first."""
    from prometheus_client import ProcessCollector
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

    def told(pid: int) -> Callable[[], int]:
        return lambda: pid

    class Processes(Collector):
        def collect(self) -> Iterable[Metric]:
            totals: dict[str, Metric] = {}
            for pid in pids:
                for metric in ProcessCollector(pid=told(pid), registry=None).collect():
                    before = totals.get(metric.name)
                    if before is None:
                        totals[metric.name] = metric
                        continue
                    join = min if metric.name.endswith("start_time_seconds") else _sum
                    (mine,), (theirs,) = metric.samples, before.samples
                    before.samples = [theirs._replace(value=join(mine.value, theirs.value))]
            return totals.values()

    return Processes()


def _sum(one: float, other: float) -> float:
    return one + other
