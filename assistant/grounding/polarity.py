"""Polarity and certainty: what is denied, planned, possible or only reported must stay so."""

import re
from dataclasses import dataclass
from functools import lru_cache

from assistant.grounding import cues
from assistant.grounding.wording import Reading, Token
from assistant.lexical import stems

_COVERED = 0.3  # share of a clause's heavy words from which on a sentence tells what the clause says
_ATTRIBUTED = 0.2  # the same for a sentence that somebody reports
_BEFORE = 50  # characters in which a hedge comes before what it hedges
_HEDGED = 60  # characters behind a hedge in which stands what it hedges
_BOUND = re.compile(
    r"[,;:()–—]\s|[.!?](?:\s|$)"
    r"|\b(?:but|while|though|although|because|and (?:\w+ )?(?:had|has|have|is|was|were|will))\b"
)
_AFTERTHOUGHT = re.compile(r", (?:as )?(?:the )?(?:\w+ )?$", re.I)
_SENTENCE = re.compile(r"[.!?](?:\s|$)")


@dataclass(frozen=True)
class _Denied:
    """A denial: where it stands, the stems behind it, which it denies, and those before it, which it may.

    `strict` if it denies in so many words; `firm` if it surely denies.
    """

    start: int
    strict: bool
    firm: bool
    stems: tuple[str, ...]
    before: tuple[str, ...]


def denies(reading: Reading) -> bool:
    """Whether the text denies something in so many words."""
    return any(denial.strict for denial in _denials(reading))


def turned_round(said: Reading, there: Reading) -> bool:
    """Whether `said` denies what `there` states, states what it denies, or denies a denial that it has not."""
    mine, others = _denials(said), _denials(there)
    denied_here, denied_there = _denied(mine), _denied(others)
    strict = [denial for denial in mine if denial.strict]
    if len(cues.DOUBLE.findall(said.text)) > len(cues.DOUBLE.findall(there.text)):
        return True
    # "Without" may have a word of its own there: without dissent, unanimously.
    if not others and any(not said.text.casefold().startswith("without", denial.start) for denial in strict):
        return True
    if _freed(there) & (_losses(said) - _freed(said)):
        return True
    if any(stem in _deniable(said) - denied_here for stem in _undone(there) - _undone(said)):
        return True
    for denial in strict:
        nearest = _nearest(denial, there)
        if nearest not in denied_there if nearest else len(strict) > len(others):
            return True
    for denial in others:
        if denial.strict:
            nearest = _nearest(denial, said)
            bare = not mine and not there.text.casefold().startswith("without", denial.start)
            if (nearest and nearest not in denied_here) or (bare and _tells(said, there, denial.start)):
                return True
    return False


def made_certain(said: Reading, there: Reading) -> bool:
    """Whether `said` tells as certain what `there` says may be, is planned, or has been reported by others."""
    for needed, enough in ((cues.POSSIBLE, cues.POSSIBLE_SAID), (cues.PLAN, cues.PLAN_SAID)):
        for found in needed.finditer(there.text):
            kept = _count(found.group(), said) >= _count(found.group(), there)
            if not kept and _left_out(said, there, found.end(), enough):
                return True
            if not enough.search(said.text) and _tells(said, there, found.start()):
                return True
    return _made_done(said, there) or _made_known(said, there)


def _made_done(said: Reading, there: Reading) -> bool:
    """Whether `said` tells as done what `there` is still to be done or goes on."""
    for found in cues.TO_DO.finditer(there.text):
        verb = next(iter(there.within(found.end(), found.end() + 20)), None)
        places = [token.start for token in said.tokens if verb and verb.stem and token.stem == verb.stem]
        if any(_before(said, place, cues.DONE) for place in places):
            return True
    for found in cues.GOING_ON.finditer(there.text):
        done = re.search(rf"\b(?:has|have|had) {re.escape(found[1][:5])}", said.text)
        if done and not re.search(rf"\b{re.escape(found[1])}ing", said.text):
            return True
    return False


def _made_known(said: Reading, there: Reading) -> bool:
    """Whether `said` tells on its own word what `there` has from others."""
    if cues.HEARSAY_SAID.search(said.text):
        return False
    for found in cues.HEARSAY.finditer(there.text):
        place = found.end() - 1
        ends = [match.end() for match in _SENTENCE.finditer(there.text)]
        start = max((end for end in ends if end <= place), default=0)
        # "According to" and ", they reported" are about all of the sentence, "reports that" about what follows.
        if not re.match(r"according|by\b|,", found.group(), re.I) and not _AFTERTHOUGHT.search(
            there.text[: found.start()]
        ):
            start = found.start()
        if _has(said, there, start, min((end for end in ends if end > place), default=len(there.text)), _ATTRIBUTED):
            return True
    return False


def _left_out(said: Reading, there: Reading, place: int, enough: re.Pattern[str]) -> bool:
    """Whether `said` has the very words that a hedge at `place` hedges, and no hedge before them."""
    end = min(place + _HEDGED, there.clause_at(place)[1])
    hedged = [token.stem for token in there.within(place, end) if token.heavy and _counts(token)][:2]
    if not hedged:  # talks with somebody
        hedged = [token.stem for token in there.within(place, end) if token.stem and token.text[0].isupper()][:1]
    if not hedged or not set(hedged) <= said.stems:
        return False
    return not any(_before(said, token.start, enough) for token in said.tokens if token.stem == hedged[0])


def _count(words: str, reading: Reading) -> int:
    return reading.text.casefold().count(words.casefold())


def _before(reading: Reading, place: int, cue: re.Pattern[str]) -> bool:
    """Whether a cue stands in the clause shortly before a place."""
    return cue.search(reading.text, max(reading.clause_at(place)[0], place - _BEFORE), place) is not None


def _tells(said: Reading, there: Reading, place: int) -> bool:
    """Whether `said` has enough of the clause at `place`."""
    return _has(said, there, *there.clause_at(place), _COVERED)


def _has(said: Reading, there: Reading, start: int, end: int, share: float) -> bool:
    heavy = {token.stem for token in there.within(start, end) if token.heavy and not token.text[0].isupper()}
    return bool(heavy) and len(heavy & said.stems) >= share * len(heavy)


@lru_cache(maxsize=4096)
def _freed(reading: Reading) -> frozenset[str]:
    """The words of loss that are denied: "left" in "has not left"."""
    found = re.finditer(rf"(?:{cues.DENIAL.pattern})\s?(?:\w+\s){{0,1}}?({cues.LOSS.pattern})", reading.text, re.I)
    return frozenset(match[1].casefold() for match in found)


@lru_cache(maxsize=4096)
def _losses(reading: Reading) -> frozenset[str]:
    return frozenset(match.group().casefold() for match in cues.LOSS.finditer(reading.text))


def _nearest(denial: _Denied, other: Reading) -> str | None:
    """What is denied, by the first of its words that the other text has."""
    return next((stem for stem in denial.stems[:3] if stem in _deniable(other)), None)


def _denied(denials: tuple[_Denied, ...]) -> frozenset[str]:
    return frozenset(stem for denial in denials if denial.firm for stem in (*denial.stems, *denial.before))


@lru_cache(maxsize=4096)
def _denials(reading: Reading) -> tuple[_Denied, ...]:
    out = []
    for strict, pattern in ((True, cues.DENIAL), (False, cues.LOSS)):
        for found in pattern.finditer(reading.text):
            cue, end = found.group().casefold(), found.end()
            bound = _BOUND.search(reading.text, end)
            limit = bound.start() if bound else len(reading.text)
            scope = [token.stem or token.text for token in reading.within(end, limit) if _counts(token)][:5]
            if cue == "non-":
                word = re.match(r"\w+", reading.text[end:])
                scope = stems(word.group()) if word else []
            if cue.endswith("-free"):
                scope = stems(cue.removesuffix("-free"))
            clause = reading.clause_at(found.start())[0]
            if strict and not scope:  # "and Apple did not": what the clause before tells
                clause = reading.clause_at(max(clause - 1, 0))[0]
            before = [token.stem for token in reading.within(clause, found.start()) if token.stem and _counts(token)]
            firm = strict or cue not in cues.VAGUE
            out.append(_Denied(found.start(), strict, firm, tuple(scope), tuple(before[-3:] if strict else ())))
    return tuple(out)


@lru_cache(maxsize=4096)
def _deniable(reading: Reading) -> frozenset[str]:
    return frozenset(token.stem or token.text for token in reading.tokens if _counts(token))


@lru_cache(maxsize=4096)
def _undone(reading: Reading) -> frozenset[str]:
    """What "un" undoes: the stem of "disclosed" for "undisclosed"."""
    return frozenset(" ".join(stems(found[1])) for found in cues.UNDONE.finditer(reading.text))


def _counts(token: Token) -> bool:
    """Whether the word can be what is denied or hedged: no name, number or adverb."""
    # "Not over" and "did not own" turn on words that search ignores.
    if token.text in ("over", "off", "own"):
        return True
    return token.heavy and token.text.islower() and not token.text.endswith("ly")
