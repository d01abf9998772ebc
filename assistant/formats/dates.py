"""Dates as exports, feeds and messages write them. What can be read in two ways is refused, not guessed."""

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

_ISO = re.compile(r"\d{4}(-\d{2}){0,2}")
_SLASHES = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")


def moment(value: object) -> datetime | date | str | None:
    """The moment with its offset, or the day where no more is said, or what `Article` takes itself (2026, 2026-03).

    Raises:
        ValueError: it is no date, or can be read in two ways.
    """
    if value is None or value == "" or isinstance(value, bool):
        return None
    if isinstance(value, date):
        return value
    if isinstance(value, int | float):
        return _since_1970(float(value))
    text = " ".join(str(value).split())
    if _ISO.fullmatch(text):
        return text
    if re.fullmatch(r"\d{9,13}", text):
        return _since_1970(float(text))
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return _in_words(text)


def _since_1970(seconds: float) -> datetime:
    if not 0 <= seconds < 4e12:
        raise ValueError(f"{seconds:g} is no date; write it as 2026-03-14")
    return datetime.fromtimestamp(seconds / 1000 if seconds >= 4e9 else seconds, UTC)


def _in_words(text: str) -> date:
    """A day with its month in words, in any language: 14 mars 2026."""
    import dateparser

    if _SLASHES.match(text):
        raise ValueError(f"{text[:40]!r} can be read in two ways; write it as 2026-03-14")
    found: datetime | None = None
    if len(text) < 60 and re.search(r"[^\W\d]{3}", text) and re.search(r"\d{4}", text):
        found = dateparser.parse(
            text, settings={"REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
        )
    if found is None:
        raise ValueError(f"{text[:40]!r} is no date; write it as 2026-03-14")
    return found if found.tzinfo is not None else found.date()
