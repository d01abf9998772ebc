"""Turns true sentences of the articles into false or unsupported ones, which no grounding check may show."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from random import Random
from typing import TypeVar

from assistant.articles import Article
from assistant.passages import split_passages, split_sentences
from grounding import wording

Item = TypeVar("Item")

_LENGTHS = range(40, 330)  # characters of a sentence worth changing
_QUANTITY = re.compile(
    r"(?<![\w.$-])(?P<money>\$)?(?P<number>\d[\d,]*(?:\.\d+)?)(?![\d-])"
    r"(?P<unit>(?: ?(?:billion|million|trillion|bn|m)\b(?: dollars)?)|%| per ?cent\b"
    r"|[ -](?:names|people|members|customers|gigawatts|days|concessions|GW)\b)"
)
_COUNT = re.compile(
    rf"\b(?P<number>{'|'.join(wording.NUMBER_WORDS)})(?P<unit>[ -](?:{'|'.join(wording.UNITS)})s?\b)", re.IGNORECASE
)
_MONTH = rf"(?P<month>(?:{'|'.join(wording.MONTHS)})|(?:{'|'.join(month[:3] for month in wording.MONTHS)}|Sept)\.)"
_DATE = re.compile(rf"\b(?:{_MONTH} (?:\d\d?, )?)(?P<year>20[123]\d)\b")
_UNFIXED = re.compile(
    r"(?:as of|before|after|around|spring|by|early|late|mid)[ -](?:the |early |\d+ )*$", re.IGNORECASE
)
_MORE = re.compile(r"(?:more than|over|at least|exceeded|above) (?:a |\$)*$", re.IGNORECASE)
_LESS = re.compile(r"(?:less than|under|up to|as much as|as large as|at most|within|below|for up to) (?:\$)*$", re.I)
_ABOUT = re.compile(r"(?:about|around|roughly|some|nearly|almost|slightly|approximately|at) (?:under |\$)*$", re.I)


@dataclass(frozen=True)
class Statement:
    """A true sentence, `says`, and the words of the article that support it."""

    article: str
    words: str
    says: str


@dataclass(frozen=True)
class Place:
    """A passage to be cited wrongly: its text, its sentences, and the content of both."""

    text: str
    content: set[str]
    sentences: tuple[tuple[str, set[str]], ...]


@dataclass(frozen=True)
class Mutation:
    """A sentence that must not be shown as supported by the passage with `words`.

    `told` is the true statement that it was made from; in a wrong citation it is what the sentence says, unchanged.
    """

    kind: str
    article: str
    words: str
    says: str
    told: Statement


class Story:
    """What all the articles say, to tell a false sentence from another true one."""

    def __init__(self, articles: Sequence[Article]) -> None:
        """Read the sentences of `articles`."""
        self.articles = {article.id: article for article in articles}
        self.sentences = [
            Statement(article.id, span.of(article.text), span.of(article.text))
            for article in articles
            for span in split_sentences(article.text)
        ]
        self.places = {article.id: _places(article) for article in articles}
        self._content = [(sentence.says, content(sentence.says)) for sentence in self.sentences]

    def may_say(self, says: str, told: Statement, new: Sequence[str], share: float = 0.5) -> bool:
        """Whether a sentence other than those of `told` has all of `new` and at least `share` of the words."""
        wanted = content(says)
        return any(
            text not in told.words and all(item in text for item in new) and len(wanted & has) >= share * len(wanted)
            for text, has in self._content
        )


def content(text: str) -> set[str]:
    """The beginnings of the words of four letters or more."""
    return {word[:5].lower() for word in re.findall(r"[A-Za-z]{4,}", text)}


def _places(article: Article) -> list[Place]:
    places = []
    for passage in split_passages(article):
        sentences = [span.of(article.text) for span in passage.sentences]
        contents = tuple((sentence, content(sentence)) for sentence in sentences)
        places.append(Place(passage.text, content(passage.text), contents))
    return places


Change = Callable[[Statement, Story, Random], str | None]


def number_swapped(told: Statement, story: Story, rng: Random) -> str | None:
    """Another number of the article with the same unit."""
    whole = story.articles[told.article].text
    for match in _shuffled(_QUANTITY.finditer(told.says), rng):
        unit = _unit(match["unit"])
        others = {other["number"] for other in _QUANTITY.finditer(whole) if _unit(other["unit"]) == unit}
        for number in _shuffled(sorted(others), rng):
            if number in re.findall(r"[\d.,]*\d", told.says + told.words) or not _falsifies(match, number):
                continue
            says = _replaced(match, "number", number)
            if not story.may_say(says, told, [number]):
                return says
    return None


def numbers_exchanged(told: Statement, story: Story, rng: Random) -> str | None:
    """Two numbers of the sentence trade places."""
    found = [match for match in _QUANTITY.finditer(told.says) if not _LESS.search(told.says[: match.start()])]
    for first, second in pairwise(found):
        lead = told.says[first.end() : second.start()]
        if _unit(first["unit"]) != _unit(second["unit"]):
            continue
        if first["number"] != second["number"] and not re.fullmatch(r",?(?: (?:and|to|or|for))+ (?:\$)?", lead):
            one, two = first.span("number"), second.span("number")
            text = told.says
            return text[: one[0]] + second["number"] + text[one[1] : two[0]] + first["number"] + text[two[1] :]
    return None


def number_changed(told: Statement, story: Story, rng: Random) -> str | None:
    """A number a little off, or far enough off where the sentence gives it as a rough one."""
    found = [*_QUANTITY.finditer(told.says), *_COUNT.finditer(told.says)]
    for match in _shuffled(found, rng):
        number = _changed_number(match, rng)
        if number is not None and _falsifies(match, number):
            says = _replaced(match, "number", number)
            if not story.may_say(says, told, [number]):
                return says
    return None


def unit_changed(told: Statement, story: Story, rng: Random) -> str | None:
    """Another size, time or currency."""
    found = [match for pattern in (_QUANTITY, _COUNT) for match in pattern.finditer(told.says)]
    for match in _shuffled(found, rng):
        before = told.says[: match.start()]
        if _LESS.search(before) or _MORE.search(before):
            continue
        if match.groupdict().get("money") and rng.random() < 0.25:
            return before + "€" + told.says[match.end("money") :]
        unit = re.sub(r"s$", "", match["unit"].strip(" -").removesuffix(" dollars"))
        if unit in wording.UNITS:
            return _replaced(match, "unit", match["unit"].replace(unit, wording.UNITS[unit]))
    return None


def date_changed(told: Statement, story: Story, rng: Random) -> str | None:
    """Another month or year, in half the cases one of the same article."""
    whole = story.articles[told.article].text
    own = sorted({(_month(match["month"]), match["year"]) for match in _DATE.finditer(whole)})
    for match in _shuffled(_DATE.finditer(told.says), rng):
        if _UNFIXED.search(told.says[: match.start()]):
            continue
        month, year = _month(match["month"]), match["year"]
        changed = [(other, year) for other in wording.MONTHS if other != month]
        changed += 3 * [(month, str(int(year) + by)) for by in (-2, -1, 1, 2)]
        for new in _shuffled(own if rng.random() < 0.5 else changed, rng):
            if new == (month, year) or f"{new[0]} {new[1]}" in told.words:
                continue
            short = f"{new[0][:3]}." if match["month"].endswith(".") and new[0] != "May" else new[0]
            text = told.says
            says = text[: match.start("month")] + short + text[match.end("month") : match.start("year")]
            says += new[1] + text[match.end("year") :]
            if not story.may_say(says, told, new):
                return says
    return None


def name_swapped(told: Statement, story: Story, rng: Random) -> str | None:
    """Another name in the same role, one of the same article where there is one."""
    if re.search(r"\b(?:times|now|any|permitted)\b", told.says):  # what may hold for the other one too
        return None
    whole = story.articles[told.article].text
    for role in _shuffled(wording.ROLES, rng):
        for name in _shuffled(role, rng):
            pattern = rf"{wording.NO_FORENAME}\b{name}\b"
            if not re.search(pattern, told.says):
                continue
            others = [other for other in role if not _related(other, told.says + " " + told.words)]
            near = [other for other in others if re.search(rf"\b{other}\b", whole)]
            for other in _shuffled(near, rng) + _shuffled(others, rng):
                says = re.sub(pattern, other, told.says)
                if not story.may_say(says, told, [other.split()[-1]]):
                    return says
    return None


def names_exchanged(told: Statement, story: Story, rng: Random) -> str | None:
    """Microsoft does to OpenAI what OpenAI did to Microsoft, and the other way round."""
    names = {"Microsoft": "OpenAI", "OpenAI": "Microsoft"}
    if not all(name in told.says for name in names) or re.search(wording.SYMMETRIC, told.says):
        return None
    alone = r"\b(?:Microsoft|OpenAI)\b(?! 365| LP| Foundation| Group| Service)"
    says = re.sub(alone, lambda match: names[match[0]], told.says)
    return None if story.may_say(says, told, [], share=0.8) else says


def negation_added(told: Statement, story: Story, rng: Random) -> str | None:
    """The first verb that can be denied is, where no clause of time or reason comes before it."""
    if re.search(wording.NEGATIVE, told.says, re.IGNORECASE):
        return None
    says = _first_rewrite(wording.NEGATIONS_ADDED, told.says)
    return None if says is None or re.search(rf"\b(?:{wording.SUBORDINATE})\b.*\bnot\b", says, re.IGNORECASE) else says


def negation_removed(told: Statement, story: Story, rng: Random) -> str | None:
    """What the sentence denies it now states."""
    if re.search(r"\b(?:any|yet|or|[Ss]ome)\b", told.says):
        return None
    return _first_rewrite(wording.NEGATIONS_REMOVED, told.says)


def hedge_dropped(told: Statement, story: Story, rng: Random) -> str | None:
    """What is planned has happened; or what is said to be is, where nothing else in the sentence keeps the doubt."""
    says = _first_rewrite(wording.PLANS, told.says)
    if says is None and (hedged := _first_rewrite(wording.HEDGES, told.says)) is not None:
        says = None if re.search(wording.DOUBT, hedged) else hedged
    return says


def attribution_dropped(told: Statement, story: Story, rng: Random) -> str | None:
    """What somebody reported is a fact."""
    says = _first_rewrite(wording.ATTRIBUTIONS, told.says)
    if says is None or re.search(wording.DOUBT, says):
        return None
    return None if story.may_say(says, told, [], share=0.7) else says[0].upper() + says[1:]


def speaker_changed(told: Statement, story: Story, rng: Random) -> str | None:
    """Somebody else says it."""
    for group in _shuffled(wording.SPEAKERS, rng):
        for speaker in _shuffled(group, rng):
            match = re.search(
                rf"(?<!and )(?<!, )(?<!of )(?<!with )\b{speaker}(?= (?:(?!and )\w+ )?(?:{wording.SPEECH})\b)", told.says
            )
            others = [other for other in group if not _related(other, told.says + " " + told.words)]
            if match is not None and others:
                return told.says[: match.start()] + rng.choice(others) + told.says[match.end() :]
    return None


def put_in_quotation_marks(told: Statement, story: Story, rng: Random) -> str | None:
    """A paraphrase as if it were verbatim: all of it, or its last words."""
    inner = re.sub(r"[\"“”]", "'", told.says).rstrip(".")
    words = inner.split()
    if told.says == told.words or len(words) < 12:
        return None
    part = rng.choice([inner, inner, " ".join(words[len(words) // 2 :])])
    if part[0].isdigit() or "'" in part or any(part in article.text for article in story.articles.values()):
        return None
    opening, closing = rng.choice([("“", "”"), ('"', '"')])
    if part == inner:
        start = rng.choice(["", "The article states: ", "It was reported: "])
        return f"{start}{opening}{part}.{closing}"
    return f"{inner.removesuffix(part)}{opening}{part}{closing}."


CHANGES: dict[Change, int] = {
    number_swapped: 30,
    numbers_exchanged: 12,
    number_changed: 25,
    unit_changed: 22,
    date_changed: 32,
    name_swapped: 36,
    names_exchanged: 20,
    negation_added: 26,
    negation_removed: 20,
    hedge_dropped: 22,
    attribution_dropped: 18,
    speaker_changed: 18,
    put_in_quotation_marks: 24,
}
WRONG_PASSAGES = 28
NOTHING_CITED = 8


def mutations(
    articles: Sequence[Article], paraphrases: Sequence[Statement], clauses: Sequence[str], seed: int = 0
) -> list[Mutation]:
    """Mutated sentences of every kind, the same ones for the same seed.

    `paraphrases` are true; `clauses` are false whatever sentence they end.
    """
    rng = Random(seed)
    story = Story(articles)
    own = [sentence for sentence in story.sentences if len(sentence.says) in _LENGTHS]
    used: set[str] = set()

    def fresh() -> Iterator[Statement]:
        pairs = zip_longest(_shuffled(own, rng), _shuffled(paraphrases, rng))
        return (told for pair in pairs for told in pair if told and told.words not in used)

    made: list[Mutation] = []

    def keep(kind: str, told: Statement, says: str) -> None:
        used.add(told.words)
        made.append(Mutation(kind, told.article, told.words, says, told))

    for change, count in CHANGES.items():
        left = count
        for told in fresh():
            says = change(told, story, rng) if left else None
            if says is not None and says != told.says:
                keep(change.__name__, told, says)
                left -= 1
    plain = [told for told in fresh() if re.search(r"\w\.$", told.says) and ":" not in told.says]
    for told, clause in zip(plain, clauses, strict=False):
        keep("false_clause_added", told, f"{told.says.rstrip('.')}, {clause}.")
    for told in fresh():
        if sum(one.kind == "wrong_passage" for one in made) == WRONG_PASSAGES:
            break
        wrong = _wrong_passage(told, story, own=rng.random() < 0.5)
        if wrong is not None:
            used.add(told.words)
            made.append(Mutation("wrong_passage", *wrong, told.says, told))
    for told in list(fresh())[:NOTHING_CITED]:
        keep("nothing_cited", told, told.says)
    return made


def _wrong_passage(told: Statement, story: Story, own: bool) -> tuple[str, str] | None:
    """The article, and a sentence, of the passage most like `told`, of its own or another article, that lacks it.

    It lacks a date, an amount or a name, or most content words; it has under half of them, no sentence of it 40%.
    """
    wanted = content(told.says + " " + told.words)
    keys = {match.group() for pattern in (_QUANTITY, _DATE) for match in pattern.finditer(told.words)}
    keys |= set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", told.says)) & set(re.findall(r"\w+", told.words))
    best: tuple[float, str, str] | None = None
    for article, places in story.places.items():
        for place in places if (article == told.article) == own else []:
            if any(sentence in told.words for sentence, _ in place.sentences):
                continue
            shares = [len(wanted & has) / len(wanted) for _, has in place.sentences]
            share = len(wanted & place.content) / len(wanted)
            lacking = any(key not in place.text for key in keys) or (share < 0.4 and not own)
            if lacking and max(shares) < 0.4 and share < 0.5 and (best is None or share > best[0]):
                best = (share, article, place.sentences[shares.index(max(shares))][0])
    return None if best is None or best[0] < 0.3 else best[1:]


def _shuffled(items: Iterable[Item], rng: Random) -> list[Item]:
    out = list(items)
    rng.shuffle(out)
    return out


def _unit(text: str) -> str:
    text = text.strip(" -").removesuffix(" dollars")
    return {"bn": "billion", "m": "million", "percent": "%", "per cent": "%", "gigawatts": "GW"}.get(text, text)


def _month(text: str) -> str:
    return next(month for month in wording.MONTHS if month[:3] == text[:3])


def _replaced(match: re.Match[str], group: str, new: str) -> str:
    return match.string[: match.start(group)] + new + match.string[match.end(group) :]


def _value(number: str) -> float:
    return float(wording.NUMBER_WORDS.get(number.lower(), 0) or number.replace(",", ""))


def _falsifies(match: re.Match[str], number: str) -> bool:
    """Whether the other number is not allowed for by "more than", "up to" or "about" before this one."""
    before = match.string[: match.start()]
    ratio = _value(number) / _value(match["number"])
    if _MORE.search(before):
        return ratio > 1.2
    if _LESS.search(before):
        return ratio < 0.8
    if _ABOUT.search(before):
        return ratio < 0.75 or ratio > 1.3
    return ratio != 1


def _changed_number(match: re.Match[str], rng: Random) -> str | None:
    value, before = _value(match["number"]), match.string[: match.start()]
    if any(pattern.search(before) for pattern in (_MORE, _LESS, _ABOUT)):
        value *= rng.choice([1.5, 2.0] if _MORE.search(before) else [0.5, 0.6])
    elif "." in match["number"]:
        value += rng.choice([-2, -1, 1, 2]) * 10.0 ** -len(match["number"].partition(".")[2])
    else:
        value += rng.choice([-1, 1]) * max(1, round(value * rng.choice([0.1, 0.2])))
    if match["number"].lower() in wording.NUMBER_WORDS:
        return next((word for word, number in wording.NUMBER_WORDS.items() if number == round(value)), None)
    decimals = len(match["number"].partition(".")[2])
    return f"{value:,.{decimals}f}" if value >= 0.5 else None


def _related(name: str, text: str) -> bool:
    """Whether the text names that person or company already, by any part of the name."""
    return any(re.search(rf"\b{part}\b", text) for part in name.split() if part not in {"The", "the", "New", "Cloud"})


def _first_rewrite(rules: Sequence[tuple[str, str]], text: str) -> str | None:
    """The text after the first rule that applies, capital letter first."""
    for pattern, replacement in rules:
        says, count = re.subn(pattern, replacement, text, count=1)
        if count:
            return says[0].upper() + says[1:]
    return None
