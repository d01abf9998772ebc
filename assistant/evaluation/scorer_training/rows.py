"""Lays examples out as token rows: a whole paragraph at once, or one sentence as the product's scorer reads it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

from tokenizers import Tokenizer

from assistant.cross_encoder import CLS, COLON, MAX_TITLE, SEP, lay_out
from assistant.evaluation.scorer_training.data import Example, Paragraph
from assistant.reading.scorer import MAX_QUESTION, MAX_TOKENS

MAX_PASSAGE = 240  # tokens of a row with a whole paragraph
_TITLE_SHARE, _PREVIOUS_SHARE = 0.5, 0.75  # how often the context is there: the scorer must do without


@dataclass(frozen=True)
class Segment:
    """The tokens `ids[start:end]` of one sentence, and whether it answers."""

    start: int
    end: int
    gold: bool


@dataclass(frozen=True)
class Row:
    """One token sequence.

    `segments` are the sentences to be scored, side by side. `answer` is the first and last token of the answer, (0, 0)
    for none. `context` is the first token behind the question.
    """

    ids: list[int]
    segments: list[Segment]
    answer: tuple[int, int]
    context: int


class Tokens:
    """The product's word pieces of texts, with character offsets; remembers them."""

    def __init__(self) -> None:
        """Load the packaged tokenizer."""
        with as_file(files("assistant") / "data" / "tokenizer.json") as path:
            tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._encode = cache(lambda text: tokenizer.encode(text, add_special_tokens=False))

    def __call__(self, text: str) -> list[int]:
        """The ids of the text's word pieces, without the special ones."""
        return list(self._encode(text).ids) if text else []

    def within(self, text: str, start: int, length: int) -> tuple[int, int] | None:
        """The first and last token of a run of characters; None where no token has any of them."""
        offsets: Sequence[tuple[int, int]] = self._encode(text).offsets
        inside = [number for number, (left, right) in enumerate(offsets) if left < start + length and right > start]
        return (inside[0], inside[-1]) if inside else None


def passage_row(tokens: Tokens, example: Example, rng: random.Random) -> Row:
    """Question and paragraph in one row, every sentence a segment; drops sentences from the ends of a long one."""
    paragraph = example.paragraph
    ids = [CLS, *tokens(example.question)[:MAX_QUESTION], SEP]
    context = len(ids)
    if rng.random() < _TITLE_SHARE:
        ids += [*tokens(paragraph.title)[:MAX_TITLE], COLON]
    bodies = [tokens(sentence) for sentence in paragraph.sentences]
    first, last = 0, len(bodies)
    while sum(map(len, bodies[first:last])) + len(ids) + 1 > MAX_PASSAGE and last - first > 1:
        if example.gold and last - 1 <= max(example.gold) and first < min(example.gold):
            first += 1
        else:
            last -= 1
    segments, answer = [], (0, 0)
    for number in range(first, last):
        start = len(ids)
        ids = [*ids, *bodies[number]][: MAX_PASSAGE - 1]
        segments.append(Segment(start, len(ids), number in example.gold))
        if number in example.gold[:1]:
            answer = _answer(tokens, example, start, len(ids))
    return Row([*ids, SEP], segments, answer, context)


def pair_row(tokens: Tokens, example: Example, paragraph: Paragraph, number: int, rng: random.Random) -> Row:
    """Question and one sentence, of the example's paragraph or another, as the product's scorer reads them."""
    previous = paragraph.sentences[number - 1] if number and rng.random() < _PREVIOUS_SHARE else ""
    title = paragraph.title if rng.random() < _TITLE_SHARE else ""
    question = tokens(example.question)
    body = tokens(paragraph.sentences[number])
    pair = lay_out(question, tokens(title), tokens(previous), body, first=MAX_QUESTION, longest=MAX_TOKENS)
    own = paragraph is example.paragraph
    answer = _answer(tokens, example, pair.start, pair.end) if own and number in example.gold[:1] else (0, 0)
    segment = Segment(pair.start, pair.end, own and number in example.gold)
    return Row(pair.ids, [segment], answer, len(question[:MAX_QUESTION]) + 2)


def _answer(tokens: Tokens, example: Example, start: int, end: int) -> tuple[int, int]:
    """The answer's tokens in a row that has the first gold sentence at `start`; (0, 0) where the row cuts it off."""
    if not example.answer:
        return 0, 0
    sentence = example.paragraph.sentences[example.gold[0]]
    found = tokens.within(sentence, example.offset, len(example.answer))
    return (start + found[0], start + found[1]) if found and start + found[1] < end else (0, 0)
