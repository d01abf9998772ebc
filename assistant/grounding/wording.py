"""How grounding reads a text: words with their stems, clauses, and what stands around a place."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from assistant.lexical import STOP_WORDS, stems

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[Nn]on-[^\W\d_]+|[^\W_]+(?:n[’']t\b)?|[’']s\b")
_BREAK = re.compile(
    # "And" inside an enumeration of names is no break, nor is "to which".
    r"[,;:()–—](?!\d)"
    r"|\s(?=(?:and(?! (?:[A-Z][\w'-]*\s?)+(?:[,.;]|among|in|at|of|for|with|to|as|on|by|from))|but|while|who|because"
    r"|(?<!\bto )(?<!\bof )(?<!\bin )(?<!\bfrom )(?<!\bat )which|although|though|whereas|unless"
    r"|(?:after|before|since)(?! (?:about |around |early |late |mid-)?(?:\d|[A-Z][a-z]+ \d))"
    r"|despite|according to|at the request|with the|under pressure)\b)"
)
_ENUMERATION = re.compile(r"\b[A-Z][\w'-]*\s$")
# Spellings and titles that mean the same, told in one way.
_SAME = (
    (r"\b(?:United Kingdom|Great Britain|Britain|British|U\.K\.)", "UK"),
    (r"\b(?:United States(?: of America)?|U\.S\.(?:A\.)?|American?)(?!\w)", "US"),
    (r"\bEuropean Union(?:'s)?\b", "EU"),
    (r"\bchief executive(?: officer)?\b", "CEO"),
    (r"\bchief (f|o|t)(?:inancial|perating|echnology) officer\b", lambda found: f"C{found[1].upper()}O"),
    (r"\bchair(?:man|woman|person)\b", "chair"),
    (r"\bper ?cent\b", "%"),
    (r"[‘’]", "'"),
    (r"[“”«»]", '"'),
)
# Words that say little by themselves, so that another one in their place changes nothing.
_LIGHT = """
    get got gets getting go goes going gone went come comes came coming make makes made making take takes took
    taken taking put puts give gives gave given giving set sets keep keeps kept let lets hold holds held use
    uses used using say says said tell tells told call calls called become becomes became bring brings brought
    see sees saw seen stay stays remain remains find finds found turn turns turned stand stands stood leave
    leaves left part parts thing things way ways side sides two one first now then still also yet even ever
    never much many little lot well together instead almost nearly just merely though although because since
    while either neither nobody none nothing without within among across per like whose whole fact matter
    together itself themselves himself herself however therefore thus thanks end ended under around company
    companies outside according dollar dollars euro euros bn mn tn thousand million billion trillion percent
    back ahead
""".split()
# Verbs whose past the stemmer does not know.
_IRREGULAR = dict(
    pair.split("/")
    for pair in """
    paid/pay left/leave bought/buy sold/sell held/hold took/take taken/take gave/give given/give grew/grow
    grown/grow fell/fall fallen/fall rose/rise risen/rise led/lead lost/lose won/win began/begin begun/begin
    broke/break broken/break built/build spent/spend met/meet sent/send wrote/write written/write spoke/speak
    spoken/speak thought/think knew/know known/know chose/choose chosen/choose drew/draw drawn/draw
    drove/drive driven/drive sought/seek brought/bring ran/run withdrew/withdraw withdrawn/withdraw
    forbade/forbid forbidden/forbid shrank/shrink shrunk/shrink undertook/undertake overtook/overtake
    valuation/value valuations/value bound/bind wound/wind fought/fight lent/lend borne/bear
    """.split()
)


@dataclass(frozen=True)
class Token:
    """A word as it stands, its stem (nothing for a stop word), and where it is in its reading's text."""

    text: str
    stem: str
    start: int
    end: int

    @property
    def heavy(self) -> bool:
        """Whether the word says something by itself."""
        return bool(self.stem) and self.stem not in _light()


@dataclass(frozen=True)
class Reading:
    """A text with its words; spellings are made one, so that offsets are into `text` here and not into an article."""

    text: str

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The words in order."""
        return tuple(
            Token(found.group(), _stem(found.group()), found.start(), found.end())
            for found in _TOKEN.finditer(self.text)
        )

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of the words that carry meaning."""
        return frozenset(token.stem for token in self.tokens if token.stem)

    @cached_property
    def heavy(self) -> frozenset[str]:
        """The stems of the words that say something by themselves."""
        return frozenset(token.stem for token in self.tokens if token.heavy)

    @cached_property
    def breaks(self) -> tuple[int, ...]:
        """Where clauses end, as offsets."""
        return (*(found.end() for found in _BREAK.finditer(self.text)), len(self.text))

    @cached_property
    def clauses(self) -> tuple[tuple[int, int], ...]:
        """The clauses as ranges of offsets; one without two heavy words belongs to the one before it."""
        out: list[tuple[int, int]] = []
        start = 0
        for end in self.breaks:
            if _ENUMERATION.search(self.text, start, end) and re.match(r"and [A-Z]", self.text[end:]):
                continue
            heavy = [token for token in self.tokens if start <= token.start < end and token.heavy]
            if out and not heavy:
                out[-1] = (out[-1][0], end)
            elif end > start:
                out.append((start, end))
            start = end
        return tuple(out)

    def clause_at(self, place: int) -> tuple[int, int]:
        """The clause that an offset is in."""
        return next(((start, end) for start, end in self.clauses if start <= place < end), (0, len(self.text)))

    def within(self, start: int, end: int) -> list[Token]:
        """The words in a range of offsets."""
        return [token for token in self.tokens if start <= token.start < end]


@cache
def _light() -> frozenset[str]:
    return frozenset(stem for word in _LIGHT for stem in stems(word))


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """Read a text. The same one is read once."""
    for pattern, same in _SAME:
        text = re.sub(pattern, same, text)
    return Reading(text)


def _stem(word: str) -> str:
    if word in ("'s", "’s") or word.casefold() in STOP_WORDS:
        return ""
    if word[:4].casefold() == "non-":
        return word.casefold()
    return " ".join(stems(_IRREGULAR.get(word.casefold(), word)))


#: Where a thing stands: for (side, word) how near the word is, 1 for the next one. Side is -1 left, 1 right.
Around = dict[tuple[int, str], float]
_REACH = 5
_SENTENCE_END = re.compile(r"[.!?]\s")


def around(reading: Reading, start: int, end: int, skip: Callable[[Token], bool] = lambda token: False) -> Around:
    """The nearest words on both sides of a range, those of its sentence, without those to skip."""
    out: Around = {}
    left = [token for token in reading.tokens if token.end <= start]
    right = [token for token in reading.tokens if token.start >= end]
    for side, tokens in ((-1, left[::-1]), (1, right)):
        distance = 0
        place = start if side < 0 else end
        for token in tokens:
            between = reading.text[token.end : place] if side < 0 else reading.text[place : token.start]
            if _SENTENCE_END.search(between) or distance >= _REACH:
                break
            place = token.start if side < 0 else token.end
            if re.search(r"[,;:]", between):
                distance += 1
            if token.stem and not skip(token):
                distance += 1
                out.setdefault((side, token.stem), 1 / distance)
    return out


def alike(one: Around, other: Around) -> float:
    """How far two things stand among the same words, on the same side or, which counts less, on the other."""
    total = 0.0
    for (side, stem), near in one.items():
        same, crossed = other.get((side, stem), 0.0), other.get((-side, stem), 0.0)
        total += max(min(near, same), 0.4 * min(near, crossed))
    return total


def best_alike(one: Around, others: Iterable[Around]) -> float:
    """The most that a thing stands like one of some others."""
    return max((alike(one, other) for other in others), default=0.0)


def changed_places(
    said: Sequence[tuple[str, Around]],
    there: Sequence[tuple[str, Around]],
    margin: float,
    paired: bool = False,
    together: Collection[frozenset[str]] = (),
) -> bool:
    """Whether one of the things `said`, by name and surroundings, stands where another one stands `there`.

    `paired`: only if the other one is said too, that is, the two have changed places. Those `together` ("one and the
    other") have no places of their own.
    """
    have: dict[str, list[Around]] = {}
    for name, context in there:
        have.setdefault(name, []).append(context)
    mine: dict[str, list[Around]] = {}
    for name, context in said:
        mine.setdefault(name, []).append(context)
    for name, contexts in mine.items():
        if name not in have:
            continue
        for other in have:
            if other == name or (paired and other not in mine) or frozenset((name, other)) in together:
                continue
            lost = sum(best_alike(c, have[name]) - best_alike(c, have[other]) for c in contexts)
            if other in mine:
                lost += sum(best_alike(c, have[other]) - best_alike(c, have[name]) for c in mine[other])
            if lost < -margin:
                return True
    return False
