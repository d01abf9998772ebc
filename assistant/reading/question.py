"""What a question asks for: the kind of answer, and the time it asks about. Rules on English wording."""

import re
from dataclasses import dataclass
from enum import StrEnum

MONTHS = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
).split()
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")
_DATE = re.compile(rf"\b(?:1[89]\d\d|20\d\d)\b|\b(?:{_MONTH})\b\.?|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.I)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|billion"
    r"|trillion|half|third|quarter|percent)s?\b",
    re.I,
)
_NAME = re.compile(r"\b[A-Z][\w’'-]*[^\W_]\b|\b[a-z]+[A-Z]\w*")
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
    AMOUNT = "amount"
    NAME = "name"
    REASON = "reason"
    LIST = "list"
    OTHER = "other"


_KINDS = (
    (Kind.DATE, re.compile(r"\bwhen\b|\b(?:what|which|in what|on what|on which) (?:year|date|day|month)\b|\bsince when\b", re.I)),
    (Kind.AMOUNT, re.compile(r"\bhow (?:much|many|big|large|high|long|old|often|far)\b|\b(?:what|which) (?:\w+ ){0,2}"
                             r"(?:percentage|percent|share|amount|sum|price|number|valuation|figure)\b", re.I)),
    (Kind.REASON, re.compile(r"\bwhy\b|\bhow come\b|\bwhat (?:reason|caused|led)\b", re.I)),
    (Kind.LIST, re.compile(r"\b(?:which|what) (?:other )?(?:companies|firms|rivals|clouds|products|models|investors|people"
                           r"|countries|sites|conditions|promises|parties|competitors|alternatives|risks)\b|^list\b|^name\b", re.I)),
    (Kind.NAME, re.compile(r"\bwho(?:m|se)?\b|\bwhich (?:company|firm|person|outlet|newspaper|country|city)\b", re.I)),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A question's kind, the years and months that it names, and whether it asks how things stand now."""

    kind: Kind
    years: frozenset[str]
    months: frozenset[str]
    present: bool

    def fits(self, sentence: str, question: str) -> bool:
        """Whether the sentence holds the kind of thing that is asked for."""
        if self.kind is Kind.DATE:
            return bool(_DATE.search(sentence))
        if self.kind is Kind.AMOUNT:
            return bool(_NUMBER.search(sentence))
        if self.kind is Kind.NAME:
            # A name that the question has already given is no answer to it.
            known = question.casefold()
            body = sentence[1:] if sentence[:1].isupper() and not _NAME.match(sentence) else sentence
            return any(name.group().casefold() not in known for name in _NAME.finditer(body))
        return True


def understand(question: str) -> Asked:
    """Read off a question what it asks for."""
    kind = next((kind for kind, pattern in _KINDS if pattern.search(question)), Kind.OTHER)
    years = frozenset(_YEAR.findall(question))
    # Capitalised only: "may" is a verb and "march" a walk.
    months = frozenset(word.lower()[:3] for word in re.findall(r"\b[A-Z][a-z]+\b", question) if word.lower() in MONTHS)
    present = (
        kind in (Kind.OTHER, Kind.AMOUNT, Kind.NAME, Kind.LIST, Kind.REASON)
        and not years
        and bool(_PRESENT.search(question))
        and not _PAST.search(question)
    )
    return Asked(kind, years, months, present)
