"""Names: whether a sentence names only those that its source names, in the same roles, speaking for themselves."""

import re
from functools import lru_cache

from assistant.grounding.amounts import NUMBER_WORDS
from assistant.grounding.wording import Around, Reading, Token, around, changed_places, read
from assistant.lexical import STOP_WORDS
from assistant.reading.question import MONTHS

_NAME = re.compile(r"\b(?:[A-Z][\w'&-]*[^\W_]|[A-Z]{2,}|[a-z]+[A-Z]\w*)\b")
_QUOTED = re.compile(r"\"([^\"]{2,}?)\"")
PLAIN = frozenset(
    """the a an in on at it he she they we i this that these those and but or so if as by for from to with after before
    since while when however both each as its his her their there under according although because meanwhile""".split()
)
# What begins sentences and is no name.
STARTERS = (
    frozenset(
        """reportedly previously initially additionally currently recently formerly nearly roughly approximately around
        officially finally originally eventually ultimately subsequently consequently accordingly similarly separately
        overall instead later earlier then today now still yet despite besides moreover furthermore thus therefore hence
        nevertheless nonetheless even among amid given following unlike like per since until upon within without through
        throughout towards across against along alongside several many much all less least every another others neither
        either none nobody nothing everyone people critics analysts investors observers experts reports sources shares
        officials executives companies media news yes no not thanks having being once where whether""".split()
    )
    | NUMBER_WORDS
)
_DAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
_SPEECH = (
    r"(?:said|says|told|tells|wrote|writes|testified|stated|states|admitted|warned|warns|argued|argues|spoke|worried"
    r"|called|calls|describes?|described|claimed|claims|announced|reported|reports|believes?|believed|saw|sees|wanted|put)"
)
_SPEAKS = re.compile(
    r"((?:[A-Z][\w&'-]*|365)(?: (?:of (?:the )?)?[A-Z][\w&'-]*)*)"
    rf"(?:,? (?:also|itself|himself|herself|has|had|once|later|then|since|never)){{0,2}} {_SPEECH}\b"
)
_ACCORDING = re.compile(r"\b[Aa]ccording to (?:the |The )?([A-Z][\w&'-]*(?: [A-Z][\w&'-]*)*)")
# "A report by": not always one who speaks, but one who may be quoted.
_TOLD_BY = re.compile(r"\b(?:said|says|reports? (?:of|by|in)|by) (?:the |The )?([A-Z][\w&'-]*(?: [A-Z][\w&'-]*)*)")
_PRONOUN_SPEAKS = re.compile(rf"\b(?:[Hh]e|[Ss]he|[Ii]t|[Tt]hey|[Ww]ho|[Cc]ompany)\b(?: \w+)? {_SPEECH}\b")
_PREPOSITIONS = frozenset("by from to over on for with in of against at into".split())
_BE = frozenset("is are was were be been being".split())
_PAST = re.compile(
    r"\w{2,}ed$|(?:given|made|paid|told|sold|hired|led|put|held|taken|bought|named|built|lost|won|left)$"
)
_COMMON = re.compile(r"(?:ing|ly|tions?|ments?|ness|ities|ers|ors)$")
_MARGIN = 0.75


def names_fit(said: Reading, there: Reading, context: str, whole: str = "") -> bool:
    """Whether every name of `said` is in `there` or in the `context`, and none has changed places with another.

    The `whole` text tells, by its small letters, whether the word that begins a sentence is a name.
    """
    have = re.sub(r"'s\b", "", f"{there.text}\n{context}").casefold()
    initials = _initials(there.text)
    for place, name in _names(said):
        if place == 0 and (may_be_word(name) or _is_word(name, whole)):
            continue
        if name in initials or all(
            re.search(rf"(?<!\w){re.escape(part)}s?(?!\w)", have) for part in _parts(name, have)
        ):
            continue
        return False
    mine, others = _roles(said), _roles(there)
    return not changed_places(mine, others, _MARGIN, paired=True, together=_together(said))


def may_be_word(name: str) -> bool:
    """Whether what begins a sentence may be written small elsewhere."""
    return name in STARTERS or name in STOP_WORDS or _COMMON.search(name) is not None


def speakers_fit(said: Reading, there: Reading) -> bool:
    """Whether those who speak in `said` speak in `there`, as far as it says by name who does."""
    mine, others = _speakers(said, _SPEAKS, _ACCORDING), _speakers(there, _SPEAKS, _ACCORDING, _TOLD_BY)
    if not mine or not others or _PRONOUN_SPEAKS.search(there.text):
        return True
    return all(any(_same_person(one, other) for other in others) for one in mine)


def quotes_fit(said: Reading, there: Reading) -> bool:
    """Whether all that `said` has in quotation marks stands in `there` word for word."""
    flat = _flat(there.text)
    return all(_flat(found[1]) in flat for found in _QUOTED.finditer(said.text))


@lru_cache(maxsize=4096)
def _names(reading: Reading) -> tuple[tuple[int, str], ...]:
    """The names, lower case, with their places; the word that begins a sentence has place 0 and may be no name."""
    out = []
    for found in _NAME.finditer(reading.text):
        name = re.sub(r"'s$", "", found.group()).casefold()
        before = reading.text[: found.start()].strip(" \"'(")
        place = found.start() if before and before[-1] not in ".:" else 0
        if name not in PLAIN and name not in MONTHS and name not in _DAYS:
            out.append((place, name))
    return tuple(out)


@lru_cache(maxsize=4096)
def _initials(text: str) -> frozenset[str]:
    """The initials of names of several words: FT for the Financial Times."""
    runs = re.findall(r"[A-Z][\w'-]*(?: (?:of (?:the )?)?[A-Z][\w'-]*)+", text)
    return frozenset("".join(re.findall(r"\b[A-Z]", run)).casefold() for run in runs)


def _is_word(name: str, whole: str) -> bool:
    return re.search(rf"\b{re.escape(name[: max(4, len(name) - 2)])}", whole) is not None


def _parts(name: str, have: str) -> list[str]:
    """A name of two joined by a hyphen may stand there as the two."""
    return [name] if name in have else name.split("-")


@lru_cache(maxsize=4096)
def _roles(reading: Reading) -> tuple[tuple[str, Around], ...]:
    """Each name with the words around it, other names left out: what it does on its right, what is done to it left."""
    names = {name for place, name in _names(reading) if place or name not in STARTERS}

    def is_name(token: Token) -> bool:
        return token.text == "'s" or (token.text.casefold() in names and not token.text.islower())

    def is_noise(token: Token) -> bool:
        return is_name(token) or not token.heavy or token.text[0].isdigit()

    out: list[tuple[str, Around]] = []
    tokens = reading.tokens
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else None
        # Of several words that make a name the last one stands for all.
        if (
            not is_name(token)
            or token.text == "'s"
            or (following and following.start == token.end + 1 and is_name(following))
        ):
            continue
        context = around(reading, token.start, token.end, is_noise)
        before, after = [each for each in tokens[:place] if not is_name(each)], tokens[place + 1 :]
        if before:
            word = before[-1].text.casefold()
            word = before[-2].text.casefold() if word == "the" and len(before) > 1 else word
            if word in _PREPOSITIONS:
                context[(-1, f"={word}")] = 0.5
        if len(before) > 1 and before[-1].text == "by" and before[-2].heavy:  # an offer by somebody is his offer
            context[(1, f"'s {before[-2].stem}")] = 1.0
        if after and after[0].text == "'s":
            context[(1, "='s")] = 0.5
            if len(after) > 1:
                context[(1, f"'s {after[1].stem}")] = 1.0
        # The one who is paid stands where the one stands whom somebody pays, and the one who pays after "by".
        if len(after) > 1 and after[0].text in _BE and _PAST.match(after[1].text):
            context = _turned(context, 1, after[1].stem)
        if len(before) > 1 and before[-1].text == "by" and _PAST.match(before[-2].text):
            context = _turned(context, -1, before[-2].stem)
        out.append((token.text.casefold(), context))
    return tuple(out)


@lru_cache(maxsize=4096)
def _together(reading: Reading) -> frozenset[frozenset[str]]:
    """The pairs of names in one enumeration."""
    names = {name for place, name in _names(reading) if place or name not in STARTERS}
    found = [token for token in reading.tokens if token.text.casefold() in names]
    runs: list[list[str]] = [[]]
    end = 0
    for token in found:
        between = reading.text[end : token.start]
        if not re.fullmatch(r"\s|,? (?:and|or|nor|&) (?:[a-z]+ )?|, (?:and |or )?", between):
            runs.append([])
        runs[-1].append(token.text.casefold())
        end = token.end
    return frozenset(frozenset((one, two)) for run in runs for one in run for two in run if one != two)


def _turned(context: Around, side: int, stem: str) -> Around:
    return {(-at if (at, word) == (side, stem) else at, word): near for (at, word), near in context.items()}


@lru_cache(maxsize=4096)
def _speakers(reading: Reading, *patterns: re.Pattern[str]) -> frozenset[str]:
    found = [match[1] for pattern in patterns for match in pattern.finditer(reading.text)]
    return frozenset(re.sub(r"'s?$|^(?:The|On|In|But|And|By) ", "", name).casefold() for name in found)


def _same_person(one: str, other: str) -> bool:
    return one in other or other in one or one == "".join(word[0] for word in other.split())


def _flat(text: str) -> str:
    return " ".join(read(text).text.casefold().split()).rstrip(".,;:!?")
