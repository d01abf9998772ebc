"""Composes an epoch: which questions, against which sentences, in which batches."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from assistant.evaluation.scorer_training.changes import Swaps, thin, without_answer
from assistant.evaluation.scorer_training.data import Example, Paragraph, Source
from assistant.evaluation.scorer_training.rows import Row, Tokens, pair_row, passage_row
from assistant.lexical import LexicalIndex, stems

#: Rows that compete: at most one of the group's sentences answers, or none does.
Group = list[Row]
Batch = list[Group]

# Shares of the questions in an epoch, by source, for each layout. Stories are what the product searches.
_PASSAGE_SHARES, _PAIR_SHARES = (0.12, 0.12, 0.4), (0.12, 0.1, 0.6)
_SWAPPED, _WITHOUT_ANSWER = 0.12, 0.06  # unanswerable questions made from an answerable one
_OTHER_PASSAGE = 0.1  # how often a question also comes with a paragraph of the same article that does not answer
_FAR_IN_STORIES = 4  # wrong sentences of a story's other articles
_NEAR = 5  # of the first ones that BM25 finds, so many more than wanted are drawn from
_SORTED = 240  # groups that are sorted by length before they are packed


class Epochs:
    """Draws epochs from the examples."""

    def __init__(self, examples: Sequence[Example], claims: Sequence[Example], rng: random.Random) -> None:
        """Index each article's sentences, to find some that look like an answer and are none."""
        self._examples, self._claims, self._rng = examples, claims, rng
        self._tokens = Tokens()
        paragraphs = dict.fromkeys(example.paragraph for example in examples)
        self._swaps = Swaps(paragraphs)
        self._places: dict[str, list[tuple[Paragraph, int]]] = defaultdict(list)
        for paragraph in paragraphs:
            self._places[paragraph.article] += [(paragraph, number) for number in range(len(paragraph.sentences))]
        self._index = {
            article: LexicalIndex(paragraph.sentences[number] for paragraph, number in places)
            for article, places in self._places.items()
        }

    def batches(self, budget: int) -> list[Batch]:
        """An epoch in both layouts, mixed, in batches of at most about `budget` tokens, padding included."""
        out = _packed(self._passages(), budget, self._rng) + _packed(self._pairs(), budget, self._rng)
        self._rng.shuffle(out)
        return out

    def _drawn(self, shares: tuple[float, float, float]) -> list[Example]:
        """Some of the examples, with unanswerable ones made from them."""
        out: list[Example | None] = []
        rng = self._rng
        for example in self._examples:
            if rng.random() > shares[example.source]:
                continue
            out.append(example)
            if example.gold and rng.random() < _SWAPPED:
                out.append(self._swaps.swap(example, rng))
            if example.gold and rng.random() < _WITHOUT_ANSWER:
                out.append(without_answer(example))
        return [example for example in out if example]

    def _passages(self) -> list[Group]:
        groups = []
        for example in self._drawn(_PASSAGE_SHARES):
            groups.append([self._passage(example)])
            if example.gold and self._rng.random() < _OTHER_PASSAGE:
                there = {number for number, _ in example.elsewhere}
                others = [paragraph for paragraph, _ in self._far(example, 1) if paragraph.number not in there]
                groups += [[self._passage(Example(example.question, paragraph))] for paragraph in others]
        return groups

    def _passage(self, example: Example) -> Row:
        return passage_row(self._tokens, _thinned(example, self._rng), self._rng)

    def _pairs(self) -> list[Group]:
        groups, rng = [], self._rng
        for example in self._drawn(_PAIR_SHARES):
            wrong = _wrong(example, rng)
            written = example.source is Source.WRITTEN
            if written and example.gold:  # worded otherwise: the wrong ones with shared words mislead enough
                near = rng.sample(wrong, min(3, len(wrong)))
            else:
                more = 1 + written + (not example.gold)
                near = wrong[:1] + rng.sample(wrong[1:], min(more, len(wrong[1:])))
            numbers = [*example.gold[:1], *near]
            places = [(example.paragraph, number) for number in numbers]
            places += self._far(example, _FAR_IN_STORIES if example.source is Source.STORY else 1)
            asked = _thinned(example, rng)
            groups.append([pair_row(self._tokens, asked, paragraph, number, rng) for paragraph, number in places])
        for claim in self._claims:
            wrong = _wrong(claim, rng)[:8]
            numbers = [*claim.gold, *rng.sample(wrong, min(4, len(wrong)))]
            groups.append([pair_row(self._tokens, claim, claim.paragraph, number, rng) for number in numbers])
        return groups

    def _far(self, example: Example, count: int) -> list[tuple[Paragraph, int]]:
        """Some of the sentences in the article's other paragraphs that BM25 finds first and that lack the answer."""
        article = example.paragraph.article
        scores = self._index[article].scores(stems(example.question))
        answer = example.answer.lower()
        found = []
        for place in np.argsort(-scores, kind="stable")[:40]:
            paragraph, number = self._places[article][place]
            other = paragraph.number != example.paragraph.number and (paragraph.number, number) not in example.elsewhere
            if other and not (answer and answer in paragraph.sentences[number].lower()):
                found.append((paragraph, number))
        near = found[: _NEAR + count]
        return self._rng.sample(near, min(count, len(near)))


def _thinned(example: Example, rng: random.Random) -> Example:
    return replace(example, question=thin(example.question, rng))


def _wrong(example: Example, rng: random.Random) -> list[int]:
    """The paragraph's sentences that do not answer, those that share most words with the question first."""
    words = set(stems(example.question))
    sentences = example.paragraph.sentences
    wrong = [number for number in range(len(sentences)) if number not in example.gold]
    return sorted(wrong, key=lambda number: rng.random() - len(words.intersection(stems(sentences[number]))))


def _packed(groups: list[Group], budget: int, rng: random.Random) -> list[Batch]:
    """Groups of like length together."""
    rng.shuffle(groups)
    out: list[Batch] = []
    for first in range(0, len(groups), _SORTED):
        batch: Batch = []
        for group in sorted(groups[first : first + _SORTED], key=_width):
            rows = sum(map(len, batch)) + len(group)
            if batch and max(map(_width, [*batch, group])) * rows > budget:
                out.append(batch)
                batch = []
            batch.append(group)
        out.append(batch)
    return out


def _width(group: Group) -> int:
    return max(len(row.ids) for row in group)
