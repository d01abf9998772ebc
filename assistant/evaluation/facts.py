"""Facts: what an answer must say, and whether a text says it. Numbers and dates are compared as values."""

import re
import unicodedata
from functools import lru_cache
from typing import Annotated, Any

import regex
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from assistant.grounding.amounts import Amount, amounts
from assistant.grounding.dates import Day, days
from assistant.grounding.wording import read

#: Seconds that one pattern may take over one text.
PATTERN_SECONDS = 1.0
_WORD = re.compile(r"[^\W_]+")
# Scripts that put no space between words: every character is a word.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_Item = str | Amount | tuple[Day, ...]


class SlowPatternError(Exception):
    """A pattern took too long over a text, so nothing can be said of it."""


def _as_written(value: object) -> object:
    """YAML makes numbers and dates of what stands without quotes: a phrase is what was written."""
    return str(value) if isinstance(value, int | float) or hasattr(value, "isoformat") else value


def _has_words(phrase: str) -> str:
    if not _items(phrase):
        raise ValueError("a phrase needs a word, a number or a date")
    return phrase


Phrase = Annotated[str, BeforeValidator(_as_written), AfterValidator(_has_words)]


class Pattern(BaseModel):
    """A regular expression, in upper or lower case, anywhere in the answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    regex: str = Field(min_length=1, description="A regular expression; upper and lower case count as the same")

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            _compiled(value)
        except regex.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value


class AnyOf(BaseModel):
    """Several ways to say the same fact; one is enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    any: tuple[Phrase | Pattern, ...] = Field(min_length=1, description="Alternatives; one of them is enough")


Fact = Phrase | AnyOf | Pattern


def says(text: str, fact: str | AnyOf | Pattern) -> bool:
    """Whether `text` says the fact.

    A phrase is said where its words stand in the same order with nothing in between; an amount in it is met by the
    same amount however it is written ("$40bn", "40 billion dollars"), a date by a date with at least the same parts
    ("July 2024" by "9 July 2024", not the other way round).

    Raises:
        SlowPatternError: a pattern took more than `PATTERN_SECONDS`.
    """
    if isinstance(fact, AnyOf):
        return any(says(text, other) for other in fact.any)
    if isinstance(fact, Pattern):
        try:
            return _compiled(fact.regex).search(text, timeout=PATTERN_SECONDS) is not None
        except TimeoutError:
            raise SlowPatternError(f"the pattern {fact.regex!r} takes too long; make it simpler") from None
    wanted, there = _items(fact), _items(text)
    return any(
        all(_met(item, there[place + offset]) for offset, item in enumerate(wanted))
        for place in range(len(there) - len(wanted) + 1)
    )


def shown(fact: str | AnyOf | Pattern) -> str:
    """The fact in words, for reports."""
    if isinstance(fact, AnyOf):
        return " or ".join(shown(other) for other in fact.any)
    return f"/{fact.regex}/" if isinstance(fact, Pattern) else fact


def _met(wanted: _Item, there: _Item) -> bool:
    if isinstance(wanted, str) or isinstance(there, str):
        return wanted == there
    if isinstance(wanted, Amount) and isinstance(there, Amount):
        return wanted.same(there)
    if isinstance(wanted, tuple) and isinstance(there, tuple):
        return all(any(day.told_by(other, None) for other in there) for day in wanted)
    return False


@lru_cache(maxsize=4096)
def _items(text: str) -> tuple[_Item, ...]:
    """The words, amounts and dates of a text in order."""
    reading = read(_UNSPACED.sub(r" \g<0> ", unicodedata.normalize("NFKC", text)))
    values: dict[tuple[int, int], _Item] = {(amount.start, amount.end): amount for amount in amounts(reading)}
    for day in days(reading):
        earlier = values.get((day.start, day.end), ())  # a quarter is two days in one place
        values[day.start, day.end] = (*(earlier if isinstance(earlier, tuple) else ()), day)
    out: list[_Item] = []
    place = 0
    for start, end in sorted(values):
        if start < place:
            continue  # "March" in "March 2024": the longer one, which begins first, counts
        out += _words(reading.text[place:start])
        out.append(values[start, end])
        place = end
    return (*out, *_words(reading.text[place:]))


def _words(text: str) -> list[_Item]:
    return [found.group().casefold() for found in _WORD.finditer(text)]


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return regex.compile(pattern, regex.IGNORECASE)
