"""The pairs to learn from: a claim, the words that it cites with their context, and whether they support it."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from assistant.evaluation.scorer_training.data import HELD_OUT, HELD_OUT_STORIES, packaged_stories, read_squad
from assistant.evaluation.support_training.changes import true_to, untrue
from assistant.passages import split_sentences

_FALSE_FOR_TRUE = 1  # changed sentences for each that stays true
_WORDS = range(6, 61)  # shorter and longer sentences are headings and tables


@dataclass(frozen=True)
class Claim:
    """A claim, the title and the sentence before the words that it cites, the words, and whether they support it."""

    says: str
    title: str
    previous: str
    words: str
    supported: bool
    kind: str = ""


def changed(paragraphs: Iterable[tuple[str, Sequence[str]]], rng: random.Random) -> list[Claim]:
    """Claims made by rule from the sentences of paragraphs, given as (title, sentences)."""
    out = []
    for title, sentences in paragraphs:
        for number, sentence in enumerate(sentences):
            if len(sentence.split()) not in _WORDS:
                continue
            first = max(0, number - rng.choice([0, 0, 0, 1]))
            last = min(len(sentences), number + 1 + rng.choice([0, 0, 0, 1]))
            words = " ".join(sentences[first:last])
            previous = sentences[first - 1] if first and rng.random() < 0.7 else ""
            others = [*sentences[:first], *sentences[last:]]
            out.append(Claim(true_to(sentence, rng), title, previous, words, True, "rule"))
            for _ in range(_FALSE_FOR_TRUE):
                if false := untrue(sentence, others, rng):
                    out.append(Claim(false, title, previous, words, False, "rule"))
    return out


def paragraphs_of(folder: Path) -> list[tuple[str, Sequence[str]]]:
    """The paragraphs of SQuAD, XQuAD and the stories that may be trained on."""
    out: list[tuple[str, Sequence[str]]] = []
    for name in ("squad2-dev.json", "xquad-train.json"):
        articles, _ = read_squad(folder / name)
        out += [(p.title, p.sentences) for key, each in articles.items() if key not in HELD_OUT for p in each]
    for story in packaged_stories():
        if story["story"] not in HELD_OUT_STORIES:
            out += [(article["title"], _sentences(article["text"])) for article in story["articles"]]
    return out


def written(held_out: bool, lines: Iterable[str] | None = None) -> list[Claim]:
    """The written claims of `pairs.jsonl`, of the stories that are held out or of the others.

    Raises:
        ValueError: the words of a pair are not in their article.
    """
    if lines is None:
        lines = (files("assistant.evaluation.support_training") / "pairs.jsonl").read_text("utf-8").splitlines()
    stories = packaged_stories()
    out = []
    for item in map(json.loads, lines):
        story = stories[item["story"]]
        if (story["story"] in HELD_OUT_STORIES) is held_out:
            out += _claims(item, story["articles"][item["article"]])
    return out


def _claims(item: dict[str, Any], article: dict[str, str]) -> list[Claim]:
    words, text = item["words"], article["text"]
    if words not in text:
        raise ValueError(f"not in “{article['title']}”: {words}")
    before = _sentences(text[: text.index(words)])
    context = (article["title"], before[-1] if before else "", words)
    true = [Claim(says, *context, True, "true") for says in item["true"]]
    return true + [Claim(one["says"], *context, False, one["kind"]) for one in item["false"]]


def _sentences(text: str) -> list[str]:
    return [span.of(text) for span in split_sentences(text)]
