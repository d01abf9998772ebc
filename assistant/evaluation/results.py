"""What a run gives: judged cases, and their figures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, quantiles
from typing import Any

from assistant.answer import Answer, Found, Usage
from assistant.articles import Article
from assistant.evaluation.intervals import average, kappa
from assistant.evaluation.judging import Judgement, Mark
from assistant.evaluation.metrics import METRICS, Metric
from assistant.evaluation.quality.figures import Figure
from assistant.evaluation.testset import TestCase

_EXCERPT = 180  # characters of a passage that was found


@dataclass(frozen=True)
class Judged:
    """One case, asked once. `judgement` is None where it could not be judged; `error` says why."""

    case: TestCase
    answer: Answer | None
    judgement: Judgement | None
    error: str | None
    wall_ms: float
    usage: Usage | None
    opinion: bool | None

    @property
    def right(self) -> bool:
        """Whether the rules find it right."""
        return self.judgement is not None and self.judgement.mark is Mark.RIGHT

    @property
    def outcome(self) -> str:
        """The mark, or that there is none."""
        return self.judgement.mark if self.judgement else "not judged"


@dataclass(frozen=True)
class Times:
    """How long something took, in milliseconds, over `n` answers."""

    median: float
    p95: float
    n: int


@dataclass(frozen=True)
class Agreement:
    """How far the judging model and the rules agree. `none` counts answers on which the model gave no opinion."""

    both_right: int
    only_rules: int
    only_model: int
    both_wrong: int
    none: int
    kappa: float | None


@dataclass(frozen=True)
class Result:
    """A judged test set. `attempts` has each case as often as it was asked, in the order of the set."""

    attempts: tuple[Judged, ...]
    drafts: tuple[TestCase, ...] = ()
    identity: str = ""
    judge: str | None = None
    articles: Mapping[str, Article] = field(default_factory=dict, repr=False)

    @property
    def headline(self) -> tuple[Judged, ...]:
        """The attempts that the headline figures count."""
        return tuple(item for item in self.attempts if not item.case.apart)

    @property
    def failed(self) -> list[Judged]:
        """What was judged and found wrong."""
        return [item for item in self.attempts if item.judgement and not item.right]

    @property
    def errors(self) -> list[Judged]:
        """What could not be judged."""
        return [item for item in self.attempts if not item.judgement]

    @property
    def unstable(self) -> list[TestCase]:
        """Cases that were asked several times and did not always come out the same."""
        outcomes: dict[str, set[str]] = {}
        for item in self.attempts:
            outcomes.setdefault(item.case.digest, set()).add(item.outcome)
        return [case for case in self._cases(self.attempts) if len(outcomes[case.digest]) > 1]

    def counts(self) -> dict[str, int]:
        """How many cases there are of which kind."""
        cases = self._cases(self.headline)
        return {
            "cases": len(cases),
            "answerable": sum(not case.declined for case in cases),
            "unanswerable": sum(case.declined for case in cases),
            "apart": len(self._cases(self.attempts)) - len(cases),
            "drafts": len(self.drafts),
            "not_judged": len(self.errors),
            "attempts": len(self.attempts),
        }

    def figure(self, name: str) -> Figure | None:
        """A metric over the headline cases; None where there is nothing to count."""
        return measured(METRICS[name], self.headline)

    def figures(self, attempts: Sequence[Judged] | None = None) -> dict[str, Figure | None]:
        """Every metric, over the headline cases or over those given."""
        chosen = self.headline if attempts is None else attempts
        return {name: measured(metric, chosen) for name, metric in METRICS.items()}

    def by_tag(self) -> dict[str, list[Judged]]:
        """The attempts of each tag, cases counted apart included, the most frequent tag first."""
        found: dict[str, list[Judged]] = {}
        for item in self.attempts:
            for tag in item.case.tags:
                found.setdefault(tag, []).append(item)
        return dict(sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])))

    def latency(self) -> dict[str, Times]:
        """Median and 95th percentile by stage, of the last turn; `asked to answered` is the whole case, all turns."""
        stages: dict[str, list[float]] = {}
        for item in self.attempts:
            if item.answer:
                for stage, spent in item.answer.timings_ms.items():
                    stages.setdefault(stage, []).append(spent)
                stages.setdefault("asked to answered", []).append(item.wall_ms)
        return {stage: _times(values) for stage, values in stages.items()}

    def tokens(self) -> tuple[Usage, int] | None:
        """The tokens of all answers that tell, and how many those are; None where none tells."""
        told = [item.usage for item in self.attempts if item.usage]
        if not told:
            return None
        total = Usage(input_tokens=sum(u.input_tokens for u in told), output_tokens=sum(u.output_tokens for u in told))
        return total, len(told)

    def agreement(self) -> Agreement | None:
        """The judging model against the rules; None without a judging model."""
        if self.judge is None:
            return None
        heard = [item for item in self.attempts if item.judgement and item.opinion is not None]
        both = sum(item.right and item.opinion is True for item in heard)
        rules = sum(item.right and item.opinion is False for item in heard)
        model = sum(not item.right and item.opinion is True for item in heard)
        wrong = len(heard) - both - rules - model
        silent = sum(item.judgement is not None for item in self.attempts) - len(heard)
        return Agreement(both, rules, model, wrong, silent, kappa(both, rules, model, wrong))

    def excerpt(self, passage: Found) -> str:
        """The beginning of a passage that was found; nothing where its article is not at hand."""
        article = self.articles.get(passage.article_id)
        words = " ".join(article.text[passage.start : passage.end].split()) if article else ""
        return words if len(words) <= _EXCERPT else words[: _EXCERPT - 1] + "…"

    @staticmethod
    def _cases(attempts: Iterable[Judged]) -> list[TestCase]:
        return list({item.case.digest: item.case for item in attempts}.values())


def per_case(value: Callable[[Judged], float | None], attempts: Iterable[Judged]) -> dict[str, float]:
    """By the case's digest the mean over its attempts; cases without a value are left out."""
    found: dict[str, list[float]] = {}
    for item in attempts:
        if item.judgement and (number := value(item)) is not None:
            found.setdefault(item.case.digest, []).append(float(number))
    return {digest: fmean(values) for digest, values in found.items()}


def measured(metric: Metric, attempts: Iterable[Judged]) -> Figure | None:
    """The metric over these attempts, each case counting once."""
    return average(list(per_case(metric.of, attempts).values()))


def _times(values: list[float]) -> Times:
    if len(values) == 1:
        return Times(values[0], values[0], 1)
    cuts = quantiles(values, n=20, method="inclusive")
    return Times(round(cuts[9], 1), round(cuts[18], 1), len(values))


def figure_json(figure: Figure | None) -> dict[str, Any] | None:
    """A figure for JSON, rounded."""
    if figure is None:
        return None
    rounded = {name: round(value, 4) for name, value in zip(("value", "low", "high"), figure[:3], strict=True)}
    return {**rounded, "n": figure.n}
