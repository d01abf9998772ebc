"""Changes true sentences a little: so that they stay true, and so that they do not."""

# ruff: noqa: ARG001  every change is given the same
import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from assistant.evaluation.scorer_training.changes import NAME, NUMBER
from assistant.evaluation.scorer_training.changes import other_number as number_like

_FRONTED = re.compile(r"((?:In|On|At|By|After|Before|Since|During|Under|For) [^,]{3,60}), (.+)\Z", re.S)
_ASIDE = re.compile(r", (?:which|who|whose|where|including|such as|with|a|an|the) [^,]{5,120}(?=[,.])")
_TAIL = re.compile(r",? (?:and|but|while|because|although|after|before|when|since|so that|which|with) [^,]{10,}\Z")
#: Each word for its opposite, both ways.
_OPPOSITES = tuple(
    tuple(pair.split("/"))
    for pair in """
    more/less most/least first/last before/after rose/fell increased/decreased higher/lower larger/smaller
    greater/lesser early/late earlier/later began/ended started/stopped opened/closed accepted/rejected agreed/refused
    allowed/forbade won/lost bought/sold gave/received all/some always/sometimes only/also many/few both/neither
    above/below inside/outside north/south east/west old/new public/private temporary/permanent strong/weak
    success/failure successful/unsuccessful possible/impossible confirmed/denied supported/opposed joined/left
    approved/blocked raised/cut gained/lost majority/minority major/minor until/since with/without under/over
    will/may can/must may/will could/did planned/completed expected/known proposed/adopted best/worst fast/slow
    """.split()
)
_SWAPS = {one: two for pair in _OPPOSITES for one, two in (pair, pair[::-1])}
_VERB = re.compile(r"\b(is|are|was|were|has|have|had|will|can|could|would|may|must|should)\b(?! not\b)")
_DENIED = re.compile(
    r"\b(is|are|was|were|has|have|had|will|can|could|would|may|must|should|did|does|do) not\b|\bno\b|\bnever "
)
_HEDGE = re.compile(
    r"\b(?:may|might|could|reportedly |allegedly |possibly |probably |perhaps |likely |about |almost |nearly |mostly "
    r"|usually |often |some of )\b ?"
)
_SAID = re.compile(
    r"\A([A-Z][^,.]{2,50}) (?:said|claimed|argued|suggested|believed|reported|estimated) (?:that )?(.+)\Z", re.S
)

Change = Callable[[str, Sequence[str], random.Random], str | None]


def true_to(sentence: str, rng: random.Random) -> str:
    """The sentence, or one that says no more than it: an aside or a tail left out, the front put behind."""
    ways = [sentence]
    if found := _FRONTED.match(sentence):
        front, rest = found[1], found[2].rstrip(".")
        ways.append(f"{rest[0].upper()}{rest[1:]} {front[0].lower()}{front[1:]}.")
    if found := _ASIDE.search(sentence):
        ways.append(sentence[: found.start()] + sentence[found.end() :].removeprefix(","))
    if (found := _TAIL.search(sentence.rstrip("."))) and found.start() > len(sentence) * 0.4:
        ways.append(sentence[: found.start()].rstrip(",") + ".")
    return rng.choice(ways[-2:])


def other_number(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """Another number in the place of one, now and then one of the passage."""
    found = list(NUMBER.finditer(sentence))
    if not found:
        return None
    old = rng.choice(found)
    there = [n for n in NUMBER.findall(" ".join(others)) if n not in sentence]
    new = rng.choice(there) if there and rng.random() < 0.5 else number_like(old.group(), rng)
    return _put(sentence, old, new) if new != old.group() else None


def other_name(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """A name of the passage in the place of another."""
    found = list(NAME.finditer(sentence))
    there = [name for name in NAME.findall(" ".join(others)) if name not in sentence]
    return _put(sentence, rng.choice(found), rng.choice(there)) if found and there else None


def names_exchanged(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """Two names in each other's place, where no "and" stands between them."""
    found = list(NAME.finditer(sentence))
    if first := re.match(r"(?:[A-Z][\w'’-]+)(?: [A-Z][\w'’-]+)+", sentence):
        found.insert(0, first)
    pairs = [(a, b) for a, b in pairwise(found) if len(sentence[a.end() : b.start()].split()) > 1]
    pairs = [(a, b) for a, b in pairs if not re.search(r"\band\b|\bor\b|^,", sentence[a.end() : b.start()])]
    if not pairs:
        return None
    one, two = rng.choice(pairs)
    if one.group() in two.group() or two.group() in one.group():
        return None
    return (
        sentence[: one.start()] + two.group() + sentence[one.end() : two.start()] + one.group() + sentence[two.end() :]
    )


def denied(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """Denied, or no longer denied."""
    if found := list(_DENIED.finditer(sentence)):
        old = rng.choice(found)
        return re.sub(r"  +", " ", _put(sentence, old, {"no": "a"}.get(old.group(), old[1] or "")))
    found = list(_VERB.finditer(sentence))
    if not found:
        return None
    old = rng.choice(found)
    return _put(sentence, old, f"{old.group()} {rng.choice(['not', 'not', 'never', 'no longer'])}")


def opposite(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """A word's opposite in its place."""
    found = [match for match in re.finditer(r"\b[a-z]+\b", sentence) if match.group() in _SWAPS]
    if not found:
        return None
    old = rng.choice(found)
    return _put(sentence, old, _SWAPS[old.group()])


def unhedged(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """Without the word that leaves it open, or without the one who says it."""
    if found := _SAID.match(sentence):
        return found[2][0].upper() + found[2][1:]
    found_hedge = re.search(r"\b(?:reportedly|allegedly|possibly|probably|perhaps) ", sentence)
    return _put(sentence, found_hedge, "") if found_hedge else None


def added(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """With the tail of another sentence behind it, or another one's front before it."""
    tails = [found.group() for other in others if (found := _TAIL.search(other.rstrip(".")))]
    fronts = [found[1] for other in others if (found := _FRONTED.match(other))]
    if tails and (not fronts or rng.random() < 0.6):
        return sentence.rstrip(".") + rng.choice(tails) + "."
    if fronts and not _FRONTED.match(sentence):
        return f"{rng.choice(fronts)}, {sentence}"
    return None


def another(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """Another sentence of the passage."""
    return rng.choice(others) if others else None


FALSE: tuple[Change, ...] = (
    *(other_number, other_name, names_exchanged, denied, denied, opposite, opposite, unhedged, added, another),
)


def untrue(sentence: str, others: Sequence[str], rng: random.Random) -> str | None:
    """The sentence changed so that its passage does not support it, in a way of which it admits; None for none."""
    for change in rng.sample(FALSE, len(FALSE)):
        changed = change(sentence, others, rng)
        if changed and changed != sentence:
            return changed
    return None


def _put(sentence: str, old: re.Match[str], new: str) -> str:
    return sentence[: old.start()] + new + sentence[old.end() :]
