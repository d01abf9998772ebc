"""Amounts: numbers with what they count, compared by value, and by where they stand."""

import re
from dataclasses import dataclass
from functools import lru_cache

from assistant.grounding.dates import DATE
from assistant.grounding.wording import Around, Reading, around, changed_places

_SCALES = {"thousand": 1e3, "k": 1e3, "million": 1e6, "m": 1e6, "mn": 1e6, "billion": 1e9, "bn": 1e9, "b": 1e9}
_SCALES |= {"trillion": 1e12, "tn": 1e12, "dozen": 12.0, "hundred": 100.0}
_WORDS = {
    word: float(value)
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()
    )
} | {"twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0}
_WORDS |= {"ninety": 90.0, "hundred": 100.0, "dozen": 12.0}
#: Numbers written as words.
NUMBER_WORDS = frozenset(_WORDS)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_SCALE = r"thousand|million|billion|trillion|dozen"
_CURRENCIES = {"$": "USD", "us$": "USD", "usd": "USD", "dollar": "USD", "€": "EUR", "eur": "EUR", "euro": "EUR"}
_CURRENCIES |= {"£": "GBP", "gbp": "GBP", "pound": "GBP", "¥": "JPY", "yen": "JPY"}
_MEASURES = {"gw": "gigawatt", "mw": "megawatt", "kw": "kilowatt", "percent": "%", "per cent": "%"}
_UNIT = (
    r"%|per ?cent\b|(?:US )?dollars?\b|euros?\b|pounds?\b|yen\b"
    r"|(?:years?|months?|weeks?|days?|hours?|minutes?|seconds?|gigawatts?|megawatts?|kilowatts?|GW|MW|kW)\b"
)
_AMOUNT = re.compile(
    rf"(?P<currency>US\$|[$€£¥]|\b(?:USD|EUR|GBP)\b)?\s?"
    r"(?:(?<![\w.])(?<![A-Za-z]-)(?P<digits>\d+(?:,\d{3})*(?:\.\d+)?)s?(?:[\s-]?(?P<scale>thousand|million|billion|trillion|dozen"
    r"|bn|tn|mn|[kmb])\b)?"
    rf"|\b(?P<tens>{_TENS})(?:[-\s](?P<ones>one|two|three|four|five|six|seven|eight|nine))?\b(?:[-\s](?P<tscale>hundred|{_SCALE})\b)?"
    rf"|\b(?P<word>{'|'.join(_WORDS)})\b(?:[-\s](?P<wscale>hundred|{_SCALE})\b)?)"
    rf"(?:[\s-]?(?P<unit>{_UNIT}))?",
    re.I,
)
_UP_TO = r"(?<!add )(?<!adds )(?<!added )up to|as (?:much|many|large) as|at most|no more than|a maximum of"
_UPPER = re.compile(
    rf"\b(?:{_UP_TO}|less than|fewer than|under|below|almost|nearly|not quite)"
    r"\s(?:about |around |a |some |just )*$",
    re.I,
)
_LIMIT = re.compile(rf"\b(?:{_UP_TO})\s(?:about |around )?$", re.I)
_LOWER = re.compile(
    r"\b(?:more than|over|above|at least|exceed(?:s|ed|ing)?|no less than|upwards of)\s(?:about |around |a |some )?$",
    re.I,
)
_NO_COUNT = re.compile(
    r"\s?(?:one(?! (?:hundred|thousand|million|billion|trillion|year|month|week|day|hour|minute)s?\b)"
    r"|two (?:companies|sides|parties|men|women|firms|partners|groups|of them)\b)",
    re.I,
)
_RANGE = re.compile(r"\s?(?:to|and|or|[-–])\s?$")
_MARGIN = 0.3


@dataclass(frozen=True)
class Amount:
    """A value, its unit ("" for a plain count) and where it stands; `bound` is "upper", "limit", "lower" or ""."""

    value: float
    unit: str
    start: int
    end: int
    bound: str = ""

    def same(self, other: "Amount") -> bool:
        """Whether both are the same amount. A currency may be left out."""
        money = {"USD", "EUR", "GBP", "JPY"}
        alike = (
            self.unit == other.unit
            or (not self.unit and other.unit in money)
            or (not other.unit and self.unit in money)
        )
        return alike and abs(self.value - other.value) <= 1e-9 * max(abs(self.value), 1.0)


@lru_cache(maxsize=4096)
def amounts(reading: Reading) -> tuple[Amount, ...]:
    """The amounts of a text, without its dates and years, and without "one", which is rarely a count."""
    days = [found.span() for found in DATE.finditer(reading.text)]
    out: list[Amount] = []
    for found in _AMOUNT.finditer(reading.text):
        place = found.start("digits") if found["digits"] else found.start()
        if any(start <= place < end for start, end in days):
            continue
        if _NO_COUNT.match(reading.text, found.start()):
            continue
        before = reading.text[: found.start() + (len(found.group()) - len(found.group().lstrip()))]
        out.append(Amount(_value(found), _unit(found), found.start(), found.end(), _bound(before)))
    # "$5 to 10 billion", "from the low to the mid 30s": the first end of a range has the unit of the second.
    for place in range(len(out) - 1, 0, -1):
        one, two = out[place - 1], out[place]
        between = reading.text[one.end : two.start + 1]
        if not one.unit and two.unit == "%" and _RANGE.fullmatch(between.rstrip("0123456789")):
            out[place - 1] = Amount(one.value, "%", one.start, one.end, one.bound)
    return tuple(out)


def amounts_fit(said: Reading, there: Reading) -> bool:
    """Whether every amount that is said is there with its unit, in the same bounds, and not in another one's place."""
    mine, have = amounts(said), amounts(there)
    for amount in mine:
        equal = [other for other in have if amount.same(other)]
        if not equal or not any(_bounds_fit(amount, other) for other in equal):
            return False
    return not any(
        changed_places(_placed(said, mine, unit), _placed(there, have, unit), _MARGIN)
        for unit in {amount.unit for amount in mine}
    )


def _placed(reading: Reading, found: tuple[Amount, ...], unit: str) -> list[tuple[str, Around]]:
    return [(f"{amount.value:g}", around(reading, amount.start, amount.end)) for amount in found if amount.unit == unit]


def _bounds_fit(said: Amount, there: Amount) -> bool:
    if there.bound == "limit":
        return said.bound in ("limit", "upper")
    if said.bound == "lower":
        return there.bound == "lower"
    if said.bound in ("upper", "limit"):
        return there.bound == "upper"
    return True


def _bound(before: str) -> str:
    if _LIMIT.search(before):
        return "limit"
    if _UPPER.search(before):
        return "upper"
    return "lower" if _LOWER.search(before) else ""


def _value(found: re.Match[str]) -> float:
    if found["digits"]:
        value, scale = float(found["digits"].replace(",", "")), found["scale"]
    elif found["tens"]:
        value, scale = _WORDS[found["tens"].lower()] + _WORDS.get((found["ones"] or "").lower(), 0.0), found["tscale"]
    else:
        value, scale = _WORDS[found["word"].lower()], found["wscale"]
    return round(value * _SCALES.get((scale or "").lower(), 1.0), 6)


def _unit(found: re.Match[str]) -> str:
    unit = (found["unit"] or "").lower().removeprefix("us ")
    if found["currency"]:
        return _CURRENCIES[found["currency"].lower()]
    unit = _MEASURES.get(unit, unit)
    unit = unit[:-1] if unit.endswith("s") else unit
    return _CURRENCIES.get(unit, unit)
