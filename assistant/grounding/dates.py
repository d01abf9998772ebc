"""Dates: whole or in part, compared field by field and never put together from two dates."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from assistant.grounding.wording import Around, Reading, changed_places
from assistant.reading.question import MONTHS

_MONTH = "|".join(sorted((month.capitalize() for month in MONTHS), key=len, reverse=True))
MONTH = re.compile(rf"(?:{_MONTH})\b")
_FULL = "|".join(month.capitalize() for month in MONTHS[:12] if month not in ("march", "may"))
_YEAR = r"(?:1[89]|20)\d\d"
DATE = re.compile(
    rf"\b(?P<iso>{_YEAR}-\d\d-\d\d)\b"
    rf"|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<month>{_MONTH})\b\.?(?:,? (?P<year>{_YEAR})\b)?"
    rf"|\b(?P<month2>{_MONTH})\b\.?(?: (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?!,\d))(?:,? (?P<year2>{_YEAR})\b)?"
    rf"|\b(?P<month3>{_MONTH})\b\.?,? (?:of )?(?P<year3>{_YEAR})\b"
    rf"|\b(?P<quarter>first|second|third|fourth|final|last) quarter of (?P<year4>{_YEAR})\b"
    rf"|\bQ(?P<q>[1-4]) (?P<year5>{_YEAR})\b"
    rf"|(?<![$€£\w.,-])(?P<year6>{_YEAR})(?![\d,.]\d|\w|[ -](?:million|billion|people|employees))"
    # A month by itself; "May" may be a verb at the beginning of a question, and "March" a walk.
    rf"|\b(?P<month7>{_FULL})\b|(?<=\b[Ii]n )(?P<month8>May|March)\b"
)
_QUARTERS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "final": 4, "last": 4}
_HELD = re.compile(r"\b(?:[Aa]s of|[Aa]s at|article of|report of|dated)\s(?:the )?$")
_MARGIN = 0.9
_NAME_WEIGHT = 0.3


@dataclass(frozen=True)
class Day:
    """A date with the parts that are known, and where it stands."""

    year: int | None
    month: int | None
    day: int | None
    start: int
    end: int

    def told_by(self, other: "Day", year: int | None) -> bool:
        """Whether `other` has all the parts that this has; `year` stands in where the other names none."""
        known = (other.year or year if other.month else other.year, other.month, other.day)
        return all(mine is None or mine == theirs for mine, theirs in zip(self.parts, known, strict=True))

    @property
    def parts(self) -> tuple[int | None, int | None, int | None]:
        """Year, month and day."""
        return self.year, self.month, self.day


@lru_cache(maxsize=4096)
def days(reading: Reading) -> tuple[Day, ...]:
    """The dates of a text. "July to September 2025" is July 2025 and September 2025; a quarter is its outer months."""
    out: list[Day] = []
    for found in DATE.finditer(reading.text):
        start, end = found.span()
        if found["iso"]:
            year, month, day = map(int, found["iso"].split("-"))
            out.append(Day(year, month, day, start, end))
            continue
        year_text = next(
            (found[name] for name in ("year", "year2", "year3", "year4", "year5", "year6") if found[name]), None
        )
        year_of = int(year_text) if year_text else None
        quarter = _QUARTERS.get(found["quarter"] or "") or (int(found["q"]) if found["q"] else None)
        if quarter:
            out += [Day(year_of, 3 * quarter - 2, None, start, end), Day(year_of, 3 * quarter, None, start, end)]
            continue
        name = found["month"] or found["month2"] or found["month3"] or found["month7"] or found["month8"]
        day_text = found["day"] or found["day2"]
        out.append(Day(year_of, _month(name) if name else None, int(day_text) if day_text else None, start, end))
    for place in range(len(out) - 1, 0, -1):
        one, two = out[place - 1], out[place]
        joined = re.fullmatch(r" (?:to|and|or|until|through) (?:on )?| ?[-–] ?", reading.text[one.end : two.start])
        if one.year is None and two.year is not None and joined:
            out[place - 1] = Day(two.year, one.month, one.day, one.start, one.end)
    return tuple(out)


def days_fit(said: Reading, there: Reading, held_on: date | None) -> bool:
    """Whether every date that is said is there, and not in another one's place.

    The day at which the article's words held gives the year where the words leave it out, and is itself a date where
    the sentence says "as of".
    """
    mine, have = days(said), days(there)
    year = held_on.year if held_on else None
    for day in mine:
        if any(day.told_by(other, year) for other in have):
            continue
        if day.month is None and day.year == year:
            continue
        held = held_on and Day(held_on.year, held_on.month, held_on.day, 0, 0)
        if not (held and day.told_by(held, None) and _HELD.search(said.text[: day.start])):
            return False
    if len({day.parts for day in have}) < 2:
        return True
    names = {day: _name(day, have, year) for day in (*mine, *have)}
    mine = tuple(day for day in mine if sum(day.start == other.start for other in mine) == 1)  # no quarters
    return not changed_places(
        [(names[day], _told_of(said, day)) for day in mine],
        [(names[day], _told_of(there, day)) for day in have],
        _MARGIN,
    )


def _told_of(reading: Reading, day: Day) -> Around:
    """The words of the clause that a date is in, wherever in it the date stands; names count for less."""
    start, end = reading.clause_at(day.start)
    words = _words_of(reading, start, end)
    return words or _words_of(reading, *reading.clause_at(end))  # "In May 2020, …"


def _words_of(reading: Reading, start: int, end: int) -> Around:
    dated = {place for day in days(reading) for place in range(day.start, day.end)}
    return {
        (0, token.stem): 1.0 if token.text.islower() else _NAME_WEIGHT
        for token in reading.within(start, end)
        if token.heavy and token.start not in dated
    }


def _name(day: Day, have: tuple[Day, ...], year: int | None) -> str:
    """The whole date that a date stands for, if one of `have` tells it, so that both count as the same thing."""
    return str(next((other.parts for other in have if day.told_by(other, year)), day.parts))


def _month(name: str) -> int:
    months = "jan feb mar apr may jun jul aug sep oct nov dec".split()
    return months.index(name[:3].lower()) + 1
