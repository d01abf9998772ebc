"""Checks a sentence against the passages it cites: what the passages do not say must not reach a reader.

The rules are about what can be checked exactly: citation numbers that exist, numbers and dates, names, quoted words,
negation. Meaning is checked last, by shared words and by the embedding model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assistant.answer import Verdict
from assistant.embeddings import PassageEmbeddings
from assistant.lexical import STOP_WORDS, stems
from assistant.passages import Passage, Span
from assistant.reading.question import MONTHS

_UNITS = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "mn": 1e6, "billion": 1e9, "bn": 1e9, "b": 1e9}
_UNITS |= {"trillion": 1e12, "tn": 1e12, "dozen": 12.0}
_WORDS = {
    word: float(value)
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()
    )
} | {"twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0}
_WORDS |= {"ninety": 90.0, "hundred": 100.0}
_NUMBER = re.compile(
    r"(?P<digits>\d+(?:,\d{3})*(?:\.\d+)?)\s*-?(?P<unit>thousand|million|billion|trillion|bn|tn|mn|[kmb](?![a-z]))?",
    re.I,
)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_SPELT = re.compile(
    rf"\b(?:(?P<tens>{_TENS})(?:[-\s](?P<ones>one|two|three|four|five|six|seven|eight|nine))?|(?P<word>{'|'.join(_WORDS)}))"
    r"(?:[-\s](?P<unit>hundred|thousand|million|billion|trillion|dozen))?\b",
    re.I,
)
_NAME = re.compile(r"\b(?:[A-Z][\w’'&-]*[^\W_]|[A-Z]{2,}|[a-z]+[A-Z]\w*)\b")
_QUOTED = re.compile(r"[“\"«]([^”\"»]{2,}?)[”\"»]")
_NEGATION = re.compile(
    r"\b(?:not(?! (?:only|just|merely)\b)|never|no|none"
    r"|nor|neither|nobody|nothing|without|cannot|denied|denies|refused|refuses|rejected|rejects"
    r"|failed|fails|unable|unlikely)\b|n[’']t\b",
    re.I,
)
_HEDGE = re.compile(
    r"\b(?:may|might|could|would|reportedly|allegedly|alleged|rumou?red|considering|considered|weighing|exploring|plans?"
    r"|planned|expects?|expected|proposed|offered|offer|suggests?|claims?|claimed|reported|reports|according|said|says"
    r"|estimated|about|likely|potentially|possibly|if|estimates?|as of|warned|warns)\b",
    re.I,
)
_STRONG_HEDGE = re.compile(
    r"\b(?:may|might|could|reportedly|allegedly|alleged|considering|considered|weighing|exploring|potentially|possibly)\b",
    re.I,
)
_PLAIN = frozenset(
    """the a an in on at it he she they we i this that these those and but or so if as by for from to with after before
    since while when however both each as its his her their there under according although because meanwhile""".split()
)

# What begins sentences and is no name.
_STARTERS = (
    frozenset(
        """reportedly previously initially additionally currently recently formerly nearly roughly approximately around
        officially finally originally eventually ultimately subsequently consequently accordingly similarly separately
        overall instead later earlier then today now still yet despite besides moreover furthermore thus therefore hence
        nevertheless nonetheless even among amid given following unlike like per since until upon within without through
        throughout towards across against along alongside several many much less least every another others neither
        either none nobody nothing everyone people critics analysts investors observers experts reports sources shares
        officials executives companies media news yes no not""".split()
    )
    | _WORDS.keys()
)
COVERAGE = 0.5  # share of the sentence's words that the passage must have, where the meaning is near
NEAR = 0.55  # cosine of the sentence and the best one of the passage


@dataclass(frozen=True)
class Grounded:
    """The verdict on one sentence and the quotation that supports it, if one does."""

    verdict: Verdict
    passage: Passage | None = None
    span: Span | None = None


def ground(text: str, cited: Sequence[int], passages: Sequence[Passage], embeddings: PassageEmbeddings) -> Grounded:
    """Check `text`, which cites passages by their places in `passages` counted from 1.

    Citations of nothing are ignored. Where none of the cited passages supports the text, the others are tried: the
    citation is moved there (misattributed).
    """
    if not stems(text):
        return Grounded(Verdict.UNSUPPORTED)
    vector = np.array(embeddings.embed_query(text))
    own = [number - 1 for number in dict.fromkeys(cited) if 1 <= number <= len(passages)]
    others = [place for place in range(len(passages)) if place not in own]
    for places, verdict in ((own, Verdict.SUPPORTED), (others, Verdict.MISATTRIBUTED)):
        for place in places:
            span = support(text, vector, passages[place], embeddings)
            if span is not None:
                return Grounded(verdict, passages[place], span)
    return Grounded(Verdict.UNSUPPORTED)


def verify_quote(passage: Passage, span: Span) -> Verdict:
    """Whether a quotation is whole sentences of the passage, to the character."""
    starts = {sentence.start for sentence in passage.sentences}
    ends = {sentence.end for sentence in passage.sentences}
    inside = passage.start <= span.start < span.end <= passage.end
    return Verdict.SUPPORTED if inside and span.start in starts and span.end in ends else Verdict.UNSUPPORTED


def support(text: str, vector: np.ndarray, passage: Passage, embeddings: PassageEmbeddings) -> Span | None:
    """The run of one to three sentences of the passage that supports `text`; None if none does."""
    article = passage.article
    around = f"{article.title} {article.outlet or ''} {article.held_on:%d %B %Y}" if article.held_on else article.title
    whole = f"{around}\n{passage.text}"
    if not (numbers(text) <= numbers(whole) and _names_in(text, whole) and _quotes_in(text, passage.text)):
        return None
    wanted = set(stems(text))
    if len(wanted & set(stems(whole))) < COVERAGE * len(wanted):
        return None
    windows = [
        Span(passage.sentences[first].start, passage.sentences[last].end)
        for length in (1, 2, 3)
        for first in range(len(passage.sentences) - length + 1)
        for last in [first + length - 1]
    ]
    best: tuple[float, Span] | None = None
    for window in windows:
        words = window.of(article.text)
        context = f"{around}\n{words}"
        covered = len(wanted & set(stems(context))) / len(wanted)
        if covered < COVERAGE or not numbers(text) <= numbers(context) or not _names_in(text, context):
            continue
        if _turned_round(text, words, covered):
            continue
        if _STRONG_HEDGE.search(words) and not _HEDGE.search(text):
            continue
        length_penalty = 0.02 * (window.end - window.start) / 100  # the fewest words that carry it
        if best is None or covered - length_penalty > best[0]:
            best = (covered - length_penalty, window)
    if best is None:
        return None
    near = float(np.array(embeddings.embed_query(best[1].of(article.text))) @ vector)
    return best[1] if near >= NEAR else None


def _turned_round(text: str, words: str, covered: float) -> bool:
    """Whether `text` denies what the passage's `words` assert, or asserts what they deny."""
    denies, denies_there = bool(_NEGATION.search(text)), bool(_NEGATION.search(words))
    # A part of a sentence may well leave out what the sentence denies elsewhere; nothing may add a denial.
    if denies != denies_there and (denies or covered < 0.95):
        return True
    return _denies_more(text, words) or _denies_more(words, text)


def _denies_more(one: str, other: str) -> bool:
    """Whether what `one` denies stands in `other` and is not denied there."""
    near = set()
    for match in _NEGATION.finditer(other):
        near.update(_words_in_order(other[: match.start()])[-1:] + _words_in_order(other[match.end() :])[:4])
    behind = (_words_in_order(one[match.end() :]) for match in _NEGATION.finditer(one))
    return bool(({words[0] for words in behind if words} & set(_words_in_order(other))) - near)


def _words_in_order(text: str) -> list[str]:
    # "Not over" turns on a word that search ignores, and "no longer" on the word behind it.
    return stems(re.sub(r"\b(over|off|out)\b", r"\1word", re.sub(r"\blonger\b", "", text), flags=re.I))


def numbers(text: str) -> set[float | str]:
    """The amounts, years and other numbers of a text as values, and its months: "$40bn" is "forty billion"."""
    found: set[float | str] = set()
    for match in _NUMBER.finditer(text):
        value = float(match["digits"].replace(",", ""))
        found.add(round(value * _UNITS.get((match["unit"] or "").lower(), 1.0), 6))
    for match in _SPELT.finditer(text):
        if match["tens"] or match["unit"] or match["word"].lower() != "one":
            value = sum(_WORDS[match[part].lower()] for part in ("tens", "ones", "word") if match[part])
            unit = (match["unit"] or "").lower()
            found.add(value * (100.0 if unit == "hundred" else _UNITS.get(unit, 1.0)))
    found.update(word[:3].lower() for word in re.findall(r"\b[A-Z][a-z]+\b", text) if word.lower() in MONTHS)
    return found


def _names_in(text: str, source: str) -> bool:
    have = re.sub(r"[’']s\b", "", source).casefold()
    stemmed = set(stems(source))
    for match in _NAME.finditer(text):
        name = re.sub(r"[’']s$", "", match.group()).casefold()
        first = not text[: match.start()].strip(" \"'“‘(")
        # The word that begins the sentence may be a name or not: Google, or Reportedly.
        plain = first and (name in _STARTERS or name in STOP_WORDS or set(stems(name)) <= stemmed)
        if plain or name in _PLAIN or name in MONTHS:
            continue
        if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", have):
            return False
    return True


def _quotes_in(text: str, source: str) -> bool:
    flat = _flat(source)
    return all(_flat(match[1]) in flat for match in _QUOTED.finditer(text))


def _flat(text: str) -> str:
    text = re.sub(r"[‘’]", "'", re.sub(r"[“”]", '"', text))
    return " ".join(text.casefold().split()).rstrip(".,;:!?")
