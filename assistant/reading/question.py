"""What a question asks for: the kind of answer, and the time it asks about. Rules on English wording."""

import re
from dataclasses import dataclass
from enum import StrEnum

from assistant.lexical import STOP_WORDS, stems

MONTHS = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
).split()
YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")
# Capitalised only: "may" is a verb and "march" a walk.
_MONTH_NAME = "|".join(sorted((month.capitalize() for month in MONTHS), key=len, reverse=True))
_NAME = re.compile(r"\b[A-Z][\w’'-]*[^\W_](?:\.\d+)?\b|\b[a-z]+[A-Z]\w*")
# "British" where the article says "UK" is no other name.
_DEMONYM = re.compile(r"\w+(?:ish|ese|ian|ean|ican)|French|Dutch|German|Greek|Swiss|Israeli|Iraqi", re.I)
_PRESENT = re.compile(
    r"\b(?:is|are|does|do|has|have|can|may|now|currently|today|still|latest|current|owns?|ties?|holds?|pays?|stands?"
    r"|binds?|remains?|uses?)\b",
    re.I,
)
_PAST = re.compile(
    r"\b(?:was|were|did|had|used to|originally|initially|first|before|ago|in the past|formerly|[a-z]{3,}ed)\b", re.I
)


class Kind(StrEnum):
    """The kind of answer that is asked for."""

    DATE = "date"
    PERCENTAGE = "percentage"
    MONEY = "money"
    NUMBER = "number"
    PERSON = "person"
    NAME = "name"
    REASON = "reason"
    LIST = "list"
    OTHER = "other"


# The first that matches decides.
_KINDS = (
    (
        Kind.DATE,
        r"^(?:\W*(?:and|so|but|since|until|till|from|by)\s+)?when\b|\b(?:and|since|until|till) when\b"
        r"|\b(?:what|which) (?:exact )?(?:year|date|day|month)\b|\bhow long ago\b",
    ),
    (
        Kind.PERCENTAGE,
        r"\b(?:what|which|how (?:many|much|large|big|high)(?: of a)?) (?:\w+ )?(?:percent(?:age)?|per cent)\b"
        r"|\bpercentage of\b"
        r"|\b(?:what|which|how (?:large|big)(?: a)?) (?:\w+ )?(?:share|stake|part|portion|proportion)\b(?! price)"
        r"|\bhow much of\b.*\b(?:owns?|holds?|comes?)\b",
    ),
    (
        Kind.MONEY,
        r"\bhow much\b.*\b(?:money|cash|capital|funding|invest\w*|pays?|paid|put|costs?|raised?|spen[dt]|commit\w*"
        r"|los[et]|offer\w*|worth|earn\w*|charge\w*|ask\w*)\b"
        r"|\b(?:what|which) (?:is|was|are|were)\b.*\b(?:valued|valuation|worth|salary|net income|revenue|profit"
        r"|price)\b"
        r"|\b(?:what|which|at what) (?:\w+ )?(?:sum|price|valuation|amount)\b|\bvalued at\b",
    ),
    (
        Kind.NUMBER,
        r"\bhow (?:much|many|big|large|high|long|old|often|far)\b|\b(?:what|which) (?:number|figure|score|total)\b",
    ),
    (Kind.REASON, r"\bwhy\b|\bhow come\b|\bwhat (?:reason|caused|led|made)\b"),
    (
        Kind.PERSON,
        r"\bwho\b.*\b(?:chief|head|boss|chair\w*|executive|president|director|officer|spokes\w+|lawyer|judge|ceo|cfo|cto"
        r"|founder|observer|successor)\b"
        r"|\bname of\b.*\b(?:chief|head|boss|chair\w*|executive|president|director|officer)\b",
    ),
    (
        Kind.LIST,
        r"\b(?:which|what) (?:\w+ )?(?:companies|firms|rivals|clouds|products|models|investors|people|countries|sites"
        r"|conditions|promises|parties|competitors|alternatives|risks|terms)\b|^(?:list|name)\b",
    ),
    (
        Kind.NAME,
        r"\bwho(?:m|se)?\b|\bname of\b|\bwhich (?:company|firm|person|outlet|newspaper|country|city|law firm)\b",
    ),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.I)) for kind, pattern in _KINDS)
_HOLDS = {
    Kind.DATE: re.compile(
        rf"\b(?:1[89]\d\d|20\d\d)\b|\b(?:{_MONTH_NAME})\b|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    ),
    Kind.PERCENTAGE: re.compile(
        r"\d\s?%|\d[\d.,]* per ?cent\b|\b(?:half|halves|thirds?|quarters?|fifths?|tenths?|equal(?:ly)?|majority"
        r"|minority|most|all|nothing|none)\b",
        re.I,
    ),
    Kind.MONEY: re.compile(
        r"[$€£¥]\s?\d|\d\s?(?:bn|m|million|billion|trillion)\b|\b(?:millions|billions|trillions|dollars|euros|pounds|francs|marks|crowns|yen|yuan)\b"
        r"|\b(?:undisclosed|not (?:been )?disclosed|no (?:amount|sum|figure))\b",
        re.I,
    ),
    Kind.NUMBER: re.compile(
        r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty"
        r"|sixty|seventy|eighty|ninety|dozen|hundred|thousand|million|billion|trillion|half|third|quarter|fifth|once|twice"
        r"|double|single|none|no)s?\b",
        re.I,
    ),
    Kind.PERSON: re.compile(r"\b[A-Z][\w’'-]+ (?:[A-Z]\.? )?(?:de |van |von )?[A-Z][\w’'-]+"),
}
# What an amount is an amount *of*: a sentence about another attribute has another amount.
_ATTRIBUTES = tuple(
    re.compile(rf"\b(?:{words})", re.I)
    for words in (
        r"valu(?:ed?|ation)\b|worth\b",
        r"salar|wages?\b|compensation|remuneration",
        r"revenue|sales\b|turnover",
        r"profit|net income|earnings",
        r"loss(?:es)?\b|lost\b|los(?:e|es|ing)\b|deficit",
        r"(?<!at )stake|shares?\b|own(?:s|ed|ership)?\b|h[oe]ld(?:s|ing)?\b|equity|part of\b|portion|interest in",
    )
)
_ROLE = re.compile(
    r"(?:[’']s|\bthe|\ba|\ban)\s+((?:[\w-]+\s){0,2}(?:officer|executive|director|president|chair\w*|head|boss|lawyer|judge"
    r"|founder|observer)(?: of [\w-]+)?)",
    re.I,
)


_GIVES_REASON = re.compile(
    r"\b(?:because|since|saying|so that|in order to|owing|due to|thanks to|reasons?|caused?|causes|led to|leads to"
    r"|therefore|hence|after|amid|over (?:its|the|his|her|their)|on (?:the )?grounds?|to avoid|accus\w+|concerns?)\b",
    re.I,
)


@dataclass(frozen=True)
class Asked:
    """A question's kind, the years, months and other names in it, and whether it asks how things stand now."""

    kind: Kind
    years: frozenset[str]
    months: frozenset[str]
    names: tuple[str, ...]
    present: bool

    @property
    def factoid(self) -> bool:
        """Whether dates, amounts or names are asked for, which a sentence has or has not."""
        return self.kind in _HOLDS or self.kind in (Kind.NAME, Kind.LIST)

    def fits(self, sentence: str, question: str) -> bool:
        """Whether the sentence holds the kind of thing that is asked for."""
        if self.kind in _HOLDS:
            # What the question has said itself is no answer to it.
            known = question.casefold()
            holds = any(found.group().casefold() not in known for found in _HOLDS[self.kind].finditer(sentence))
            return holds and self._same_matter(sentence, question)
        if self.kind is Kind.NAME:
            return _has_new_name(sentence, question)
        return True

    def gives_reason(self, sentence: str) -> bool:
        """Whether a reason is asked for and the sentence has a word that gives one."""
        return self.kind is Kind.REASON and bool(_GIVES_REASON.search(sentence))

    def _same_matter(self, sentence: str, question: str) -> bool:
        if self.kind is Kind.PERSON and (role := _ROLE.search(question)):
            return set(stems(role[1])) <= set(stems(sentence))
        if self.kind is Kind.MONEY:
            wanted = [pattern for pattern in _ATTRIBUTES if pattern.search(question)]
            return not wanted or any(pattern.search(sentence) for pattern in wanted)
        return True


def months_in(text: str) -> frozenset[str]:
    """The months that a text names, by their first three letters, lower case."""
    return frozenset(word.lower()[:3] for word in re.findall(r"\b[A-Z][a-z]+\b", text) if word.lower() in MONTHS)


def understand(question: str) -> Asked:
    """Read off a question what it asks for."""
    kind = next((kind for kind, pattern in _PATTERNS if pattern.search(question)), Kind.OTHER)
    years = frozenset(YEAR.findall(question))
    months = months_in(question)
    present = not years and bool(_PRESENT.search(question)) and not _PAST.search(question)
    # The first word is capitalised whatever it is.
    names = tuple(
        found.group()
        for found in _NAME.finditer(question)
        if found.start() and found.group().lower() not in MONTHS and not _DEMONYM.fullmatch(found.group())
    )
    return Asked(kind, years, months, names, present)


def _has_new_name(sentence: str, question: str) -> bool:
    known = question.casefold()
    for found in _NAME.finditer(sentence):
        name = found.group().casefold()
        begins = not sentence[: found.start()].strip(" “\"'")
        if name.removesuffix("’s").removesuffix("'s") not in known and not (begins and name in STOP_WORDS):
            return True
    return False
