"""The metrics: each a name, a definition in words, and its value for one judged answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from assistant.evaluation.judging import Judgement, Mark
from assistant.evaluation.testset import TestCase


class Scored(Protocol):
    """What a metric looks at."""

    @property
    def case(self) -> TestCase:
        """The case."""

    @property
    def judgement(self) -> Judgement | None:
        """What the rules say of the answer."""


@dataclass(frozen=True)
class Metric:
    """A metric is the mean over the cases that have a value, each counting once, however often it was asked."""

    title: str
    definition: str
    of: Callable[[Any], float | None]
    more_is_better: bool = True


def _from(attribute: str) -> Callable[[Scored], float | None]:
    return lambda item: getattr(item.judgement, attribute)


def _share_of(mark: Mark, declined: bool) -> Callable[[Scored], float | None]:
    def value(item: Scored) -> float | None:
        if item.case.declined is not declined or item.judgement is None:
            return None
        return float(item.judgement.mark is mark)

    return value


def _correct(item: Scored) -> float:
    return float(item.judgement is not None and item.judgement.mark is Mark.RIGHT)


#: In the order in which reports show them.
METRICS: dict[str, Metric] = {
    "correct_answers": Metric(
        "Correct answers",
        "Of all cases: answered as the case asks for, or declined where it asks for that",
        _correct,
    ),
    "right_sentence_cited": Metric(
        "Right sentence cited",
        "Of answerable cases: all facts said, and the sentence that carries them cited",
        _from("right_sentence"),
    ),
    "declined_as_it_should": Metric(
        "Declined as it should", "Of unanswerable cases: declined", _share_of(Mark.RIGHT, declined=True)
    ),
    "false_answers": Metric(
        "False answers",
        "Of unanswerable cases: answered all the same",
        _share_of(Mark.FALSE_ANSWER, declined=True),
        more_is_better=False,
    ),
    "false_refusals": Metric(
        "False refusals",
        "Of answerable cases: declined",
        _share_of(Mark.FALSE_REFUSAL, declined=False),
        more_is_better=False,
    ),
    "fact_recall": Metric(
        "Fact recall",
        "Of answerable cases with facts: the share of the facts that the answer says; a refusal says none",
        _from("fact_recall"),
    ),
    "citation_precision": Metric(
        "Citation precision",
        "Of answers to answerable cases that cite: the share of the cited sentences that carry what is asked",
        _from("precision"),
    ),
    "citation_recall": Metric(
        "Citation recall",
        "Of answerable cases: the share of the wanted evidence that is cited; a refusal cites none",
        _from("recall"),
    ),
    "grounded_sentences": Metric(
        "Grounded sentences",
        "Of answers: the share of sentences not unsupported whose quotes all stand in their articles, to the character",
        _from("grounded"),
    ),
    "withheld_sentences": Metric(
        "Withheld sentences",
        "Of answers: the share of the written sentences that grounding withheld",
        _from("withheld"),
        more_is_better=False,
    ),
    "evidence_found": Metric(
        "Evidence found", "Of answerable cases: a passage with the evidence was retrieved", _from("found")
    ),
    "evidence_read": Metric(
        "Evidence read", "Of answerable cases: the reader looked at a passage with the evidence", _from("read")
    ),
    "ndcg_10": Metric(
        "nDCG@10",
        "Of cases that name all their articles: how high these stand among those found (Järvelin, Kekäläinen 2002)",
        _from("ndcg"),
    ),
}
