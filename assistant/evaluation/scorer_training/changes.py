"""Changes questions: to keyword queries, and to ones that their paragraph does not answer."""

import random
import re
from collections.abc import Iterable
from dataclasses import replace

from assistant.evaluation.scorer_training.data import Example, Paragraph
from assistant.lexical import STOP_WORDS

#: Names and numbers inside a sentence.
NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][\w'’-]+)(?: (?:of |de |the )?[A-Z][\w'’-]+)*")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?!\w)")
_ASKING = frozenset("what which who whom when where how why not".split())
_THINNED, _KEPT = 0.25, 0.4  # how often a question is thinned, and how many of its small words stay then


def thin(question: str, rng: random.Random) -> str:
    """Now and then the question as people type it into a search box: without most of its small words."""
    if rng.random() > _THINNED:
        return question
    words = [
        word
        for word in question.rstrip("?").split()
        if word.lower() in _ASKING or word.lower() not in STOP_WORDS or rng.random() < _KEPT
    ]
    return " ".join(words) if len(words) > 2 else question


def without_answer(example: Example) -> Example | None:
    """The question with its paragraph less the sentences that answer; None where little is left."""
    kept = tuple(
        sentence
        for number, sentence in enumerate(example.paragraph.sentences)
        if number not in example.gold and example.answer not in sentence
    )
    if len(kept) < 2:
        return None
    return Example(example.question, replace(example.paragraph, sentences=kept), source=example.source)


class Swaps:
    """Puts another name or number into a question, so that its paragraph does not answer it."""

    def __init__(self, paragraphs: Iterable[Paragraph]) -> None:
        """Collect the names that the articles have."""
        self._names: dict[str, list[str]] = {}
        for paragraph in paragraphs:
            names = self._names.setdefault(paragraph.article, [])
            names += [name for sentence in paragraph.sentences for name in NAME.findall(sentence)]

    def swap(self, example: Example, rng: random.Random) -> Example | None:
        """The changed question; None where it has no name or number."""
        question, context = example.question, " ".join(example.paragraph.sentences)
        ways = []
        if numbers := list(NUMBER.finditer(question)):
            number = rng.choice(numbers)
            ways.append((number, other_number(number.group(), rng)))
        others = [n for n in self._names[example.paragraph.article] if n not in context and n not in question]
        if others and (names := list(NAME.finditer(question))):
            ways.append((rng.choice(names), rng.choice(others)))
        if not ways:
            return None
        old, new = rng.choice(ways)
        changed = question[: old.start()] + new + question[old.end() :]
        return replace(example, question=changed, gold=(), answer="", offset=0)


def other_number(text: str, rng: random.Random) -> str:
    """Another number of the same look; another year of the same time for a year."""
    if re.fullmatch(r"1\d{3}|20\d\d", text):
        return str(int(text) + rng.choice([-1, 1]) * rng.randint(1, 60))
    return "".join(str(rng.randint(1, 9)) if character.isdigit() else character for character in text)
