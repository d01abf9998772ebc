"""Asks the questions of a test set and judges the answers by rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from assistant.answer import Answer, Outcome, Turn
from assistant.chain import AnswerChain, Question
from assistant.evaluation.testset import TestCase
from assistant.index import Progress


@dataclass(frozen=True)
class Judged:
    """One case with its answer.

    `right` is: declined where it should be; else answered, with a citation that holds or overlaps the words that carry
    the answer, and every expected phrase in the answer.
    """

    case: TestCase
    answer: Answer
    right: bool


@dataclass(frozen=True)
class Result:
    """A judged test set."""

    cases: tuple[Judged, ...]

    def figures(self) -> dict[str, float | int | None]:
        """Counts, and shares of what they are counted on; a share of nothing is None."""
        answerable = [item for item in self.cases if not item.case.declined]
        other = [item for item in self.cases if item.case.declined]
        times = [sum(item.answer.timings_ms.values()) for item in self.cases]
        return {
            "cases": len(self.cases),
            "answerable": len(answerable),
            "right_sentence_cited": _share(item.right for item in answerable),
            "false_refusals": _share(item.answer.outcome is Outcome.DECLINED for item in answerable),
            "unanswerable": len(other),
            "declined_as_it_should": _share(item.right for item in other),
            "sentences_per_answer": _mean(
                [len(i.answer.sentences) for i in self.cases if i.answer.outcome is not Outcome.DECLINED]
            ),
            "median_ms": round(median(times), 1) if times else None,
        }

    def as_dict(self) -> dict[str, Any]:
        """Figures and cases, ready for JSON."""
        return {
            "figures": self.figures(),
            "cases": [
                {
                    "asked": list(item.case.asked),
                    "right": item.right,
                    "expected": "declined" if item.case.declined else list(item.case.cites),
                    "answer": item.answer.model_dump(mode="json"),
                }
                for item in self.cases
            ],
        }

    def summary(self) -> str:
        """The figures and the failed cases, for a terminal."""
        lines = [f"{name.replace('_', ' ')}: {_shown(value)}" for name, value in self.figures().items()]
        for item in self.cases:
            if not item.right:
                lines.append(f"\n✗ {' / '.join(item.case.asked)}\n  {item.answer.answer}")
        return "\n".join(lines)


def run(cases: Sequence[TestCase], chain: AnswerChain, progress: Progress = lambda done, total: None) -> Result:
    """Ask every case of `cases` and judge the answers. `progress` gets cases done and cases in all."""
    judged = []
    for done, case in enumerate(cases, 1):
        history: list[Turn] = []
        for question in case.asked[:-1]:
            earlier = chain.invoke(Question(question=question, history=tuple(history)))
            history.append(Turn(question=question, answer=earlier.answer))
        answer = chain.invoke(Question(question=case.asked[-1], history=tuple(history)))
        judged.append(Judged(case, answer, is_right(case, answer, chain)))
        progress(done, len(cases))
    return Result(tuple(judged))


def is_right(case: TestCase, answer: Answer, chain: AnswerChain) -> bool:
    """Whether the answer does what the case asks for; see `Judged`."""
    if case.declined or answer.outcome is Outcome.DECLINED:
        return case.declined and answer.outcome is Outcome.DECLINED
    said = answer.answer.casefold()
    if not all(fact.casefold() in said for fact in case.facts):
        return False
    articles = chain.index.snapshot.articles
    for citation in answer.citations:
        if case.article not in (None, citation.article_id):
            continue
        text = articles[citation.article_id].text
        for words in case.cites:
            start = text.find(words)
            while start >= 0:
                if start < citation.end and citation.start < start + len(words):
                    return True
                start = text.find(words, start + 1)
    return False


def _share(flags: Any) -> float | None:
    values = [bool(flag) for flag in flags]
    return round(sum(values) / len(values), 3) if values else None


def _mean(values: Sequence[int]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None


def _shown(value: float | int | None) -> str:
    return "–" if value is None else f"{value:.1%}" if isinstance(value, float) and value <= 1 else str(value)
