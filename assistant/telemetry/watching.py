"""Every answer passes here, whatever the surface: counted, timed, traced, and named in the log."""

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from uuid import uuid4

from langchain_core.runnables import RunnableConfig

from assistant.answer import Answer
from assistant.errors import ProviderError, QuestionError
from assistant.telemetry import context
from assistant.telemetry.metrics import metrics
from assistant.telemetry.traces import Spans

_LOG = logging.getLogger("assistant.answers")
_KEY = "surface"


class Surface(StrEnum):
    """Where a question was asked."""

    PAGE = "page"
    API = "api"
    OPENAI = "openai"
    MCP = "mcp"
    SLACK = "slack"
    TERMINAL = "terminal"
    PYTHON = "python"


def asked_on(surface: Surface) -> RunnableConfig:
    """The config by which a surface names itself to the chain, given beside the question."""
    return {"metadata": {_KEY: surface}}


def surface_of(config: RunnableConfig | None) -> Surface:
    """The surface that a config names; without one a program of somebody's own asks."""
    named = ((config or {}).get("metadata") or {}).get(_KEY)
    return named if isinstance(named, Surface) else Surface.PYTHON


class Watch:
    """Looks on while one answer comes about."""

    def __init__(self, surface: Surface, reader: str) -> None:
        """`reader` answers when all goes well."""
        self.id = uuid4().hex
        self._surface = surface
        self._reader = reader
        self._spans: Spans | None = None

    def answers(self, steps: Generator[Answer, None, None]) -> Iterator[Answer]:
        """The same growing answers. The last one counts, once there is no other behind it."""
        counted, start, begun = metrics(), time.perf_counter(), False
        last: Answer | None = None
        outcome, error = "stopped", None
        self._spans = Spans({"assistant.surface": self._surface, "assistant.answer.id": self.id})
        counted.answers_running.inc()
        try:
            with closing(steps):
                while (answer := self._next(steps)) is not None:
                    last = answer
                    if answer.sentences and not begun:
                        begun = True
                        counted.first_sentence_seconds.labels(answer.reader).observe(time.perf_counter() - start)
                    yield answer
            outcome = last.outcome if last else "failed"
        except Exception as failure:
            outcome = "refused" if isinstance(failure, QuestionError) else "failed"
            error = failure.kind if isinstance(failure, ProviderError) else type(failure).__name__
            if isinstance(failure, ProviderError):
                counted.provider_errors.labels(failure.kind).inc()
            raise
        finally:
            counted.answers_running.dec()
            self._end(outcome, last, time.perf_counter() - start, error if outcome == "failed" else None)

    @contextmanager
    def stage(self, name: str, model: str | None = None) -> Iterator[None]:
        """A piece of work of a stage; with the `provider:model` that is asked for it, if one is."""
        if self._spans is None:
            yield
            return
        with self._spans.stage(name, model):
            yield

    def fell_back(self, error: ProviderError | None) -> None:
        """The chat reader's answer is none: its provider failed, or else the articles support nothing of it."""
        metrics().fallbacks.labels("provider" if error else "unsupported").inc()
        if error:
            metrics().provider_errors.labels(error.kind).inc()

    def _next(self, steps: Iterator[Answer]) -> Answer | None:
        # For this step alone: the next may be taken in another thread.
        token = context.answering.set(self.id)
        try:
            return next(steps, None)
        finally:
            context.answering.reset(token)

    def _end(self, outcome: str, last: Answer | None, seconds: float, error: str | None) -> None:
        counted, reader = metrics(), last.reader if last else self._reader
        withheld, usage = (last.withheld, last.usage) if last else (0, None)
        counted.answers.labels(self._surface, outcome, reader).inc()
        complete = last is not None and outcome == last.outcome
        said: dict[str, str | int | float] = {"assistant.outcome": outcome, "assistant.reader": reader}
        if last is not None and complete:
            counted.answer_seconds.labels(reader).observe(seconds)
            for stage, spent in last.timings_ms.items():
                counted.stage_seconds.labels(stage).observe(spent / 1000)
            counted.withheld.inc(withheld)
            said |= {"assistant.withheld": withheld, "assistant.citations": len(last.citations)}
            said["assistant.passages"] = len(last.found)
        if usage:
            # What was spent is spent, however the answer ended: `reader` may be the one that it fell back to.
            counted.tokens.labels("input", self._reader).inc(usage.input_tokens)
            counted.tokens.labels("output", self._reader).inc(usage.output_tokens)
            said["gen_ai.usage.input_tokens"] = usage.input_tokens
            said["gen_ai.usage.output_tokens"] = usage.output_tokens
        if self._spans:
            self._spans.end(said, error)
        if request := context.request.get():
            request.answer, request.outcome = self.id, outcome
        fields = {
            "surface": self._surface,
            "outcome": outcome,
            "reader": reader,
            "ms": round(seconds * 1000),
            "withheld": withheld,
        }
        if error:
            fields["error"] = error
        token = context.answering.set(self.id)
        try:
            _LOG.info("answer", extra={"fields": fields})
        finally:
            context.answering.reset(token)
