"""Who is mentioned when: the names in the articles, counted by month."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from assistant.grounding.names import PLAIN, STARTERS
from assistant.lexical import STOP_WORDS
from assistant.reading.question import MONTHS
from assistant.snapshot import Snapshot

_BEGINNERS = PLAIN | STARTERS | STOP_WORDS
_WORD = r"(?:[A-Z](?:[\w&-]|['’](?!s?\b))*[^\W_]|[a-z]+[A-Z]\w*)"
_NAME = re.compile(rf"\b{_WORD}(?: {_WORD})*")
_NO_NAMES = frozenset(MONTHS) | frozenset(
    """mr mrs ms dr us uk eu ai agi api ip chief president judge monday tuesday wednesday thursday friday saturday
    sunday""".split()
)


@dataclass(frozen=True)
class Mentions:
    """Who is mentioned when: for each name the number of sentences that name it in each stretch of time."""

    stretches: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


def mentions(snapshot: Snapshot, names: int = 12, columns: int = 24) -> Mentions:
    """The names of people and organisations mentioned most, by the month in which the articles' words held.

    Only months with articles count; where there are more than `columns` of them, quarters, and else years. A family
    name counts for the full name that ends with it.
    """
    held = {article.held_on for article in snapshot.articles.values() if article.held_on}
    for stretch in (_month, _quarter, _year):
        keys = sorted({stretch(day) for day in held})
        if len(keys) <= columns:
            break
    column = {key: place for place, key in enumerate(keys[-columns:])}
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    titles: Counter[str] = Counter()
    for passage in snapshot.passages:
        day = passage.article.held_on
        if day is None or stretch(day) not in column:
            continue
        for span in passage.sentences:
            words = span.of(passage.article.text)
            for name, begins in _names_in(words):
                counts[name][column[stretch(day)]] += 1
                titles[name] += not begins
    # A word that is capitalised only where it begins a sentence is no name.
    known = {name: found for name, found in counts.items() if titles[name]}
    full = _full_names(known)
    merged: dict[str, Counter[int]] = defaultdict(Counter)
    for name, found in known.items():
        merged[full.get(name, name)].update(found)
    best = sorted(merged, key=lambda name: (-merged[name].total(), name))[:names]
    return Mentions(
        tuple(column), tuple((name, tuple(merged[name][place] for place in range(len(column)))) for name in best)
    )


def _names_in(sentence: str) -> set[tuple[str, bool]]:
    """The names in a sentence, each with whether it may be no name, because it is one word and begins the sentence."""
    out = set()
    for found in _NAME.finditer(sentence):
        words = found.group().split()
        begins = not sentence[: found.start()].strip(" \"“‘'(")
        while words and (words[0].casefold() in _NO_NAMES or (begins and words[0].casefold() in _BEGINNERS)):
            words, begins = words[1:], False
        if words and not all(word.casefold() in _NO_NAMES | PLAIN for word in words):
            out.add((" ".join(words), begins and len(words) == 1))
    return out


def _full_names(known: Mapping[str, Counter[int]]) -> dict[str, str]:
    """For a name of one word the full name that is meant: the one most mentioned of those that end so."""
    ends: dict[str, list[str]] = defaultdict(list)
    for name in known:
        if 1 < len(words := name.split()) <= 3 and words[-1] in known:
            ends[words[-1]].append(name)
    out = {}
    for last, whole in ends.items():
        best = max(whole, key=lambda name: (known[name].total(), name))
        # "Microsoft" does not mean "Like Microsoft", nor "Azure" one product of it.
        if 4 * known[best].total() >= known[last].total():
            out[last] = best
    return out


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _quarter(day: date) -> str:
    return f"{day.year} Q{(day.month + 2) // 3}"


def _year(day: date) -> str:
    return str(day.year)
