"""Whether the articles answer at all: a calibrated probability from what speaks for and against the best sentence."""

import json
import math
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from assistant.lexical import stems
from assistant.passages import Passage
from assistant.reading.question import YEAR, Asked, months_in
from assistant.snapshot import Snapshot

_HOW_MANY = re.compile(
    r"\bhow (?:many|much) (?:(?:more|other|of the|of)\s+)?([^\W\d_][\w-]*)(?:\s+([^\W\d_][\w-]*))?", re.I
)


class Evidence(NamedTuple):
    """What is known of the best candidate; each a number that the calibration weighs."""

    logit: float  # the learned scorer's
    runner_up: float  # how far the next best logit is behind: a lone sentence stands out
    coverage: float  # share of the question's words, by weight, that its sentence, the one before and the title have
    cosine: float
    fits: float  # 1 if it holds the kind of thing asked for
    factoid: float  # 1 if a date, an amount or a name is asked for
    missing_names: float  # names of the question that its passage and title have not, at most 3
    unknown_names: float  # names of the question that no article has, at most 3
    other_time: float  # 1 if it speaks of other years or months than the question and not of its own
    missing_unit: float  # 1 if the question counts something that neither it nor its context names


def probability(evidence: Evidence) -> float:
    """The probability, 0 to 1, that the articles answer: a logistic regression."""
    weights = _weights()
    z = weights["intercept"] + sum(weights[name] * value for name, value in evidence._asdict().items())
    return 1.0 / (1.0 + math.exp(-z))


def threshold() -> float:
    """The probability from which the reader answers."""
    return _weights()["threshold"]


def missing_names(asked: Asked, passage: Passage) -> float:
    """How many names of the question stand neither in the passage nor in its title, at most 3."""
    there = set(stems(f"{passage.article.title} {passage.text}"))
    return min(3.0, sum(1.0 for name in asked.names if not set(stems(name)) <= there))


def unknown_names(asked: Asked, snapshot: Snapshot) -> float:
    """How many names of the question no article has, at most 3."""
    return min(3.0, sum(1.0 for name in asked.names if not all(stem in snapshot.lexical for stem in stems(name))))


def other_time(asked: Asked, sentence: str) -> float:
    """1 where the question names a year or month and the sentence only others."""
    years, months = set(YEAR.findall(sentence)), months_in(sentence)
    other_year = asked.years and years and not asked.years & years
    other_month = asked.months and months and not asked.months & months
    return float(bool(other_year or other_month))


def missing_unit(question: str, context: str) -> float:
    """1 where the question asks how many or how much of something, and the context does not name it."""
    match = _HOW_MANY.search(question)
    counted = [stem for word in match.groups() if word for stem in stems(word)] if match else []
    return float(bool(counted) and not set(counted) & set(stems(context)))


@cache
def _weights() -> dict[str, float]:
    loaded: dict[str, float] = json.loads((files("assistant") / "data" / "answerability.json").read_text("utf-8"))
    return loaded
