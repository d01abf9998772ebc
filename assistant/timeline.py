"""The story by date: sentences that tell of an event on a day that is sure, told once each, and what ended what.

Only what a sentence says of itself counts. Its date must be the adverbial of what happens ("On 28 October 2025 …",
"… since July 2019"), not part of a name ("the deal of 28 October 2025"), a limit ("through 2030") or still to come. A
sentence with two such dates says of neither that it is the one.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np

from assistant.articles import Article
from assistant.grounding.dates import MONTH, Day, days
from assistant.grounding.names import PLAIN, STARTERS
from assistant.grounding.wording import read
from assistant.lexical import stems
from assistant.mentions import Mentions, mentions
from assistant.passages import Span
from assistant.reading.question import MONTHS
from assistant.snapshot import Snapshot

_MAYBE_DATED = re.compile(rf"\b(?:1[89]|20)\d\d\b|{MONTH.pattern}")
_WEEKDAY = r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? )?"
_WHEN = re.compile(
    rf"(?:^|[\s(\"“,;])(?:(?:(?:early|late) )?in|on|since|at the end of|in (?:early|late|spring|mid-)|mid-)"
    rf"\s?{_WEEKDAY}$",
    re.I,
)
# Two sentences tell the same if their vectors are so near and so many of the shorter one's words are shared.
_ALIKE = ((0.8, 0.4), (0.65, 0.65))
_NEAREST = 8  # events that are looked at
# What ends: the object of giving something up, the subject of ending. "Lost" is left out: cases and staff are lost too.
_END = (
    r"(?=\s(?:in|on|since|by|at|for|after|until) (?:\d|(?:early|late|mid)|[A-Z][a-z]+ \d)"
    r"|\s(?:and|but|while|because|which|that|for a)\b|[,;.:]|$)"
)
_GIVEN_UP = re.compile(
    r"\b(?:gave|given|giving) up (?:its|his|her|their|the|a) (?P<what>[^,;.:]{3,90}?)"
    + _END
    + r"|\bexchanged (?:its|his|her|their|the) (?P<what2>[^,;.:]{3,90}?) for\b"
    + r"|\bno longer (?:has|have|holds?|owns?) (?:its|his|her|their|the|a|an|any) (?P<what3>[^,;.:]{3,90}?)"
    + _END
)
_ENDED = re.compile(
    r"(?:^|[,;:] |\b(?:and|but|while|because|with that) )(?P<what>[^,;:]{3,90}?) (?:has |have |had )?(?:meanwhile )?"
    r"(?:ended|expired|lapsed|came to an end|come to an end|gave way)\b(?! at\b)"
)
_LIGHT = frozenset(stems("new earlier old former planned only own central second because while whereas"))


@dataclass(frozen=True)
class Told:
    """A sentence of an article."""

    article: Article
    span: Span
    number: int  # of the sentence in the snapshot

    @cached_property
    def text(self) -> str:
        """Its words, as they stand."""
        return self.span.of(self.article.text)

    @cached_property
    def words(self) -> frozenset[str]:
        """The stems of its words, without those of its dates."""
        reading = read(self.text)
        text = reading.text
        for day in reversed(days(reading)):
            text = text[: day.start] + text[day.end :]
        return frozenset(stems(text))

    @cached_property
    def figures(self) -> frozenset[str]:
        """The numbers in it that are no dates."""
        reading = read(self.text)
        spans = [(day.start, day.end) for day in days(reading)]
        return frozenset(
            found.group()
            for found in re.finditer(r"\d[\d.,]*\d|\d", reading.text)
            if not any(start <= found.start() < end for start, end in spans)
        )

    @cached_property
    def ended(self) -> tuple[frozenset[str], ...]:
        """What it says has ended, as the stems of the words for it without names; two at least."""
        text = read(self.text).text
        found = [match for pattern in (_GIVEN_UP, _ENDED) for match in pattern.finditer(text)]
        what = [next(filter(None, match.groups()), "") for match in found]
        cores = [frozenset(stems(re.sub(r"\b[A-Z][\w-]*(?:'s)?", "", words))) - _LIGHT for words in what]
        return tuple(core for core in cores if len(core) >= 2)

    @cached_property
    def names(self) -> frozenset[str]:
        """The words in it that begin with a capital letter and may be names, in lower case."""
        words = {word.casefold() for word in re.findall(r"\b[A-Z]\w+", self.text)}
        return frozenset(words - PLAIN - STARTERS - {*MONTHS})


@dataclass(frozen=True)
class Moment:
    """When something happened, as exactly as it is told."""

    year: int
    month: int | None = None
    day: int | None = None

    @property
    def key(self) -> tuple[int, int, int]:
        """For sorting: what is told less exactly comes first."""
        return self.year, self.month or 0, self.day or 0

    @property
    def first(self) -> date:
        """The first day that it can mean."""
        return date(self.year, self.month or 1, self.day or 1)

    def fits(self, other: "Moment") -> bool:
        """Whether both can mean the same day."""
        pairs = zip((self.year, self.month, self.day), (other.year, other.month, other.day), strict=True)
        return all(one is None or two is None or one == two for one, two in pairs)


@dataclass(eq=False)
class Event:
    """Something that happened, in the words of the article that told it first, with the others that tell it."""

    when: Moment
    told: Told
    also: list[Told] = field(default_factory=list)
    ended_by: "Event | None" = None
    ends: list["Event"] = field(default_factory=list)

    @property
    def tellings(self) -> list[Told]:
        """All the sentences that tell it, the first one first."""
        return [self.told, *self.also]

    @property
    def articles(self) -> int:
        """How many articles tell it."""
        return len({told.article.id for told in self.tellings})


def event_day(sentence: str, held_on: date | None) -> Moment | None:
    """The day, month or year in which what the sentence tells happened, None where that is not sure.

    A missing year is the last in which the day was not after `held_on`, when the article's words held.
    """
    reading = read(sentence)
    found = [day for day in days(reading) if _WHEN.search(reading.text[: day.start])]
    if len({day.parts for day in found}) != 1:
        return None
    moment = _resolved(found[0], held_on)
    if moment is None or (held_on is not None and moment.first > held_on):
        return None
    return moment


def _resolved(day: Day, held_on: date | None) -> Moment | None:
    year = day.year
    if year is None:
        if held_on is None or day.month is None:
            return None
        year = held_on.year - ((day.month, day.day or 1) > (held_on.month, held_on.day))
    moment = Moment(year, day.month, day.day)
    try:
        _ = moment.first
    except ValueError:
        return None
    return moment


def dated_sentences(snapshot: Snapshot) -> Iterator[tuple[Moment, Told]]:
    """The sentences that tell of something on a day that is sure, in the order of the articles."""
    for row, passage in enumerate(snapshot.passages):
        for place, span in enumerate(passage.sentences):
            words = span.of(passage.article.text)
            if _MAYBE_DATED.search(words) and (moment := event_day(words, passage.article.held_on)):
                yield moment, Told(passage.article, span, int(snapshot.first_sentence[row]) + place)


def _age(told: Told) -> tuple[date, str, int]:
    return told.article.held_on or date.max, told.article.id, told.span.start


def events(snapshot: Snapshot) -> list[Event]:
    """What happened, in order; sentences that tell the same are one event."""
    by_month: dict[tuple[int, int | None], list[tuple[Moment, Told]]] = defaultdict(list)
    for moment, told in dated_sentences(snapshot):
        by_month[moment.year, moment.month].append((moment, told))
    out: list[Event] = []
    for found in by_month.values():
        found.sort(key=lambda pair: _age(pair[1]))
        vectors = snapshot.vectors(np.array([told.number for _, told in found]))
        leads = np.zeros_like(vectors)
        made: list[Event] = []
        for place, (moment, told) in enumerate(found):
            near = leads[: len(made)] @ vectors[place]
            likely = [int(which) for which in np.argsort(-near)[:_NEAREST] if near[which] >= _ALIKE[-1][0]]
            same = (made[which] for which in likely if _is_told_by(made[which], moment, told, float(near[which])))
            event = next(same, None)
            if event is None:
                leads[len(made)] = vectors[place]
                made.append(Event(moment, told))
            else:
                event.also.append(told)
        out += made
    out.sort(key=lambda event: (event.when.key, _age(event.told)))
    _link(out)
    return out


def _is_told_by(event: Event, moment: Moment, told: Told, near: float) -> bool:
    """Whether a sentence tells of the event. One article does not tell it twice: its sentences complete each other."""
    if not event.when.fits(moment) or any(other.article.id == told.article.id for other in event.tellings):
        return False
    if not all(other.figures <= told.figures or told.figures <= other.figures for other in event.tellings):
        return False
    one, two = event.told.words, told.words
    shared = len(one & two) / max(1, min(len(one), len(two)))
    return any(near >= cosine and shared >= share for cosine, share in _ALIKE)


def _link(found: Sequence[Event]) -> None:
    """Link what ended to the event that ended it, the first one after it.

    An event ends another if a later article says that something was given up or ended, and the other that there was
    this something: all of its words, two at least, and the name of somebody who has to do with both.
    """
    enders: dict[str, list[tuple[int, Event, Told, frozenset[str]]]] = defaultdict(list)
    for event in found:
        for told in event.tellings:
            for ended in told.ended:
                enders[min(ended)].append((len(enders), event, told, ended))
    for event in found:
        words = frozenset().union(*(told.words for told in event.tellings))
        near = [each for word in words & enders.keys() for each in enders[word] if each[3] <= words]
        for _, other, told, ended in sorted(near, key=lambda each: (each[1].when.key, each[0])):
            if other.when.first > event.when.first and _says_of(event, ended, told):
                event.ended_by = other
                other.ends.append(event)
                break


def _says_of(event: Event, ended: frozenset[str], ender: Told) -> bool:
    for told in event.tellings:
        # What a sentence says has ended itself, it does not say is there.
        words = told.words.difference(*told.ended)
        if _age(told)[0] < _age(ender)[0] and ended <= words and ender.names & told.names:
            return True
    return False


@dataclass(frozen=True)
class Story:
    """One revision of the index by date."""

    revision: str
    events: tuple[Event, ...]
    mentions: Mentions


class Timeline:
    """The story by date, made once for each revision of the index."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._story: Story | None = None

    def of(self, snapshot: Snapshot) -> Story:
        """The story of this revision."""
        with self._lock:
            if self._story is None or self._story.revision != snapshot.revision:
                self._story = Story(snapshot.revision, tuple(events(snapshot)), mentions(snapshot))
            return self._story
