"""Reads the training data: paragraphs as sentences, and questions with the sentences that answer them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

from assistant.lexical import LexicalIndex, stems
from assistant.passages import Span, split_sentences

_WORDS_OF_EVIDENCE = range(5, 71)  # shorter and longer "sentences" of web pages are menus and tables
_MAX_CLAIM = 45  # words

#: Articles of SQuAD, and of XQuAD for the written questions, that are measured on and never trained on.
HELD_OUT = ("Steam_engine", "Islamism", "Kenya", "Oxygen", "Pharmacy")
#: Stories that are never trained on: when to answer and when to decline is fitted on them.
HELD_OUT_STORIES = frozenset(
    "corvenna-resellers norrvane-satellite tarnbeck-pelluma harrowfen-lamps lanternhouse-charity brannoch-quern".split()
)


class Source(IntEnum):
    """Where a question comes from."""

    FOUND = 0  # SQuAD, XQuAD, WiCE
    WRITTEN = 1  # `questions.jsonl`, written for this scorer on SQuAD's and XQuAD's paragraphs
    STORY = 2  # `stories.json`, written for this scorer with its articles


@dataclass(frozen=True, eq=False)
class Paragraph:
    """A paragraph, as sentences, with its number in its article. Two are the same only if they are one object."""

    article: str
    number: int
    sentences: tuple[str, ...]
    headline: str = ""

    @property
    def title(self) -> str:
        """The title as it is written for readers; a news article has one of its own in its story."""
        return self.headline or self.article.replace("_", " ")


@dataclass(frozen=True)
class Example:
    """A question and a paragraph; `gold` are the numbers of the sentences that answer, none: it does not answer.

    `answer` is a run of characters of the first gold sentence, at `offset`; empty where only the sentence is known.
    Each source has its own share in an epoch. `elsewhere` are the places, (paragraph, sentence), of the same article
    that answer too.
    """

    question: str
    paragraph: Paragraph
    gold: tuple[int, ...] = ()
    answer: str = ""
    offset: int = 0
    source: Source = Source.FOUND
    elsewhere: frozenset[tuple[int, int]] = frozenset()


def read_squad(path: Path) -> tuple[dict[str, list[Paragraph]], list[Example]]:
    """The paragraphs of each article, and the questions, of a file in SQuAD 2.0's format.

    Raises:
        ValueError: an answer begins in no sentence.
    """
    articles: dict[str, list[Paragraph]] = {}
    examples = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        paragraphs = articles.setdefault(article["title"], [])
        for entry in article["paragraphs"]:
            context = entry["context"]
            spans = split_sentences(context)
            paragraph = Paragraph(article["title"], len(paragraphs), tuple(span.of(context) for span in spans))
            paragraphs.append(paragraph)
            for asked in entry["qas"]:
                question = " ".join(asked["question"].split())
                if asked.get("is_impossible"):
                    examples.append(Example(question, paragraph))
                    continue
                found = [(_sentence_at(spans, a["answer_start"]), a) for a in asked["answers"]]
                gold, answer = found[0]
                offset = answer["answer_start"] - spans[gold].start
                numbers = tuple(dict.fromkeys(number for number, _ in found))
                examples.append(Example(question, paragraph, numbers, answer["text"], offset))
    return articles, examples


def _sentence_at(spans: list[Span], start: int) -> int:
    for number, span in enumerate(spans):
        if span.start <= start < span.end:
            return number
    raise ValueError(f"no sentence at character {start}")


def read_written(articles: dict[str, list[Paragraph]], lines: Iterable[str] | None = None) -> list[Example]:
    """The questions written for this scorer, `questions.jsonl`, on the paragraphs they were written for.

    A line has `title` and `paragraph` (its number in the article), `question`, and `gold`: some words of the sentence
    that answers, or null where the paragraph does not answer though it talks about the matter.

    Raises:
        ValueError: a gold is not within one sentence of its paragraph.
    """
    if lines is None:
        lines = (files(__package__) / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    examples = []
    for line in lines:
        item = json.loads(line)
        paragraph, words = articles[item["title"]][item["paragraph"]], item["gold"]
        if words is None:
            examples.append(Example(item["question"], paragraph, source=Source.WRITTEN))
            continue
        number, words, offset = _place(paragraph, words)
        examples.append(Example(item["question"], paragraph, (number,), words, offset, source=Source.WRITTEN))
    return examples


def read_claims(path: Path) -> list[Example]:
    """Claims of WiCE with the news article they cite: supported by one of its sentences, or by none."""
    examples = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        item = json.loads(line)
        supported = item["label"] == "supported"
        if item["label"] == "partially_supported" or len(item["claim"].split()) > _MAX_CLAIM:
            continue
        kept = [n for n, sentence in enumerate(item["evidence"]) if len(sentence.split()) in _WORDS_OF_EVIDENCE]
        named = {n for numbers in item["supporting_sentences"] for n in numbers}
        gold = tuple(place for place, n in enumerate(kept) if supported and n in named)
        if kept and len(gold) == supported:
            paragraph = Paragraph(f"claim {number}", 0, tuple(item["evidence"][n] for n in kept))
            examples.append(Example(item["claim"], paragraph, gold))
    return examples


def packaged_stories() -> list[dict[str, Any]]:
    """The stories of `stories.json`."""
    loaded: list[dict[str, Any]] = json.loads((files(__package__) / "stories.json").read_text(encoding="utf-8"))
    return loaded


def read_stories(stories: Iterable[Mapping[str, Any]]) -> list[Example]:
    """Questions on invented news stories of several articles; an article counts as a paragraph of its story.

    A story has its name in `story`, `articles` with `title` and `text`, and `questions`. The `gold` of a question has,
    for each sentence that answers, the number of its `article` and some of its `words`. A question without gold comes
    with the article that looks most like it.

    Raises:
        ValueError: words are not within one sentence of their article.
    """
    examples = []
    for story in stories:
        name = story["story"]
        paragraphs = []
        for number, item in enumerate(story["articles"]):
            sentences = tuple(span.of(item["text"]) for span in split_sentences(item["text"]))
            paragraphs.append(Paragraph(name, number, sentences, item["title"]))
        index = LexicalIndex(" ".join(paragraph.sentences) for paragraph in paragraphs)
        for asked in story["questions"]:
            question = asked["question"]
            places = [(gold["article"], *_place(paragraphs[gold["article"]], gold["words"])) for gold in asked["gold"]]
            if not places:
                nearest = paragraphs[int(index.scores(stems(question)).argmax())]
                examples.append(Example(question, nearest, source=Source.STORY))
            every = frozenset((article, number) for article, number, _, _ in places)
            for article in dict.fromkeys(article for article, *_ in places):
                here = [place for place in places if place[0] == article]
                numbers = tuple(dict.fromkeys(number for _, number, _, _ in here))
                _, _, words, offset = here[0]
                examples.append(Example(question, paragraphs[article], numbers, words, offset, Source.STORY, every))
    return examples


def _place(paragraph: Paragraph, words: str) -> tuple[int, str, int]:
    """The number of the sentence that has the words, the words, and where in the sentence they begin."""
    for number, sentence in enumerate(paragraph.sentences):
        if words in sentence:
            return number, words, sentence.index(words)
    raise ValueError(f"{paragraph.title}: no sentence has {words!r}")
