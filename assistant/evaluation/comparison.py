"""Compares a result with an earlier one, case by case, and says whether it is worse beyond noise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.errors import AssistantError
from assistant.evaluation.intervals import Difference, difference, mcnemar
from assistant.evaluation.metrics import METRICS
from assistant.evaluation.results import Result, figure_json, per_case

#: A change that chance brings about less often than this is none of chance.
LEVEL = 0.05


class BaselineError(AssistantError):
    """A baseline cannot be read or has nothing to compare with."""


class _Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asked: str
    outcome: str
    values: dict[str, float]


class Baseline(BaseModel):
    """Per case the outcome and the values of the metrics, without times; and the figures of the whole."""

    model_config = ConfigDict(extra="forbid")

    assistant: str
    figures: dict[str, dict[str, float] | None]
    cases: dict[str, _Case]

    @classmethod
    def of(cls, result: Result) -> "Baseline":
        """What is kept of a result."""
        values = {name: per_case(metric.of, result.attempts) for name, metric in METRICS.items()}
        cases = {
            item.case.digest: _Case(
                asked=item.case.name,
                outcome=str(item.outcome),
                values={
                    name: round(found[item.case.digest], 4)
                    for name, found in values.items()
                    if item.case.digest in found
                },
            )
            for item in reversed(result.attempts)  # of several attempts the first one's outcome is shown
        }
        figures = {name: figure_json(figure) for name, figure in result.figures().items()}
        return cls(assistant=result.identity, figures=figures, cases=dict(reversed(cases.items())))

    @classmethod
    def load(cls, path: Path) -> "Baseline":
        """Read one.

        Raises:
            BaselineError: the file cannot be read.
        """
        try:
            return cls.model_validate_json(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise BaselineError(
                f"{path} is no baseline: {str(error).splitlines()[0]}. Make one with --save-baseline."
            ) from None

    def save(self, path: Path) -> None:
        """Write it, one case a line, so that a version control system shows which cases changed."""
        cases = [f"  {json.dumps(key)}: {_line(case.model_dump())}" for key, case in self.cases.items()]
        head = json.dumps({"assistant": self.assistant, "figures": self.figures}, indent=1, ensure_ascii=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head.removesuffix("\n}") + ',\n "cases": {\n' + ",\n".join(cases) + "\n }\n}\n", "utf-8")


@dataclass(frozen=True)
class Change:
    """A case that came out otherwise."""

    asked: str
    before: str
    now: str


@dataclass(frozen=True)
class Comparison:
    """Now against before, over the cases that both have with equal content and that the headline figures count."""

    better: tuple[Change, ...]
    worse: tuple[Change, ...]
    pairs: int
    added: int
    gone: int
    p: float
    """Of McNemar's exact test over the cases that got better or worse."""
    differences: Mapping[str, Difference]

    @property
    def beyond_noise(self) -> bool:
        """Whether more cases got worse than better, more of them than chance would have it."""
        return len(self.worse) > len(self.better) and self.p < LEVEL


def compare(result: Result, baseline: Baseline) -> Comparison:
    """Hold a result against a baseline.

    Raises:
        BaselineError: they have no case in common.
    """
    values = {name: per_case(metric.of, result.headline) for name, metric in METRICS.items()}
    now = values["correct_answers"]
    outcomes = {item.case.digest: str(item.outcome) for item in reversed(result.attempts)}
    paired = [key for key in now if "correct_answers" in _values(baseline, key)]
    if not paired:
        raise BaselineError("The baseline has no case in common with this test set. Make one with --save-baseline.")
    better: list[Change] = []
    worse: list[Change] = []
    for key in paired:
        before = baseline.cases[key].values["correct_answers"]
        if now[key] != before:
            change = Change(baseline.cases[key].asked, baseline.cases[key].outcome, outcomes[key])
            (better if now[key] > before else worse).append(change)
    differences: dict[str, Difference] = {}
    for name, found in values.items():
        keys = [key for key in found if name in _values(baseline, key)]
        delta = difference([_values(baseline, key)[name] for key in keys], [found[key] for key in keys])
        if delta is not None:
            differences[name] = delta
    return Comparison(
        better=tuple(better),
        worse=tuple(worse),
        pairs=len(paired),
        added=sum(key not in baseline.cases for key in outcomes),
        gone=sum(key not in outcomes for key in baseline.cases),
        p=mcnemar(len(better), len(worse)),
        differences=differences,
    )


def _values(baseline: Baseline, key: str) -> dict[str, float]:
    return baseline.cases[key].values if key in baseline.cases else {}


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
