"""What of the passages is held against a sentence: runs of one to three sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from assistant.grounding.dates import MONTH
from assistant.grounding.wording import Reading, Token, read
from assistant.passages import Passage, Span
from assistant.statements import name_stated

_LONGEST = 3  # sentences
_LENGTH_PENALTY = 0.01  # for 100 characters: the fewest words that carry it are quoted


@dataclass(frozen=True)
class Run:
    """Sentences in a row of a passage, read together and one by one."""

    passage: Passage
    span: Span
    reading: Reading
    sentences: tuple[Reading, ...]

    def holds(self, other: "Run") -> bool:
        """Whether the sentences of `other` are among those of this run."""
        inside = self.span.start <= other.span.start and other.span.end <= self.span.end
        return self.passage is other.passage and inside

    @cached_property
    def words(self) -> dict[str, str]:
        """The words of the run and of its article's title, with their stems."""
        tokens = (*self.reading.tokens, *read(name_stated(self.passage.article.title)).tokens)
        return {token.text.casefold(): token.stem for token in tokens if token.stem}

    def exact(self, said: Reading) -> float:
        """The share of the sentence's stems that the run has."""
        return len(said.stems & self.reading.stems) / max(1, len(said.stems))

    @property
    def penalty(self) -> float:
        """What its length takes from a score."""
        return _LENGTH_PENALTY * len(self.reading.text) / 100

    def shared(self, said: Reading) -> float:
        """The same share, longer runs a little behind shorter ones."""
        return self.exact(said) - self.penalty


def runs(said: Reading, passage: Passage) -> Iterator[Run]:
    """One to three sentences in a row; of several, each has a word of the sentence, or a name that no other one has."""
    words = {token.stem for token in said.tokens if token.heavy and not is_name(token)}
    names = {
        token.stem for token in said.tokens if token.heavy and token.text[0].isupper() and not MONTH.match(token.text)
    }
    text = passage.article.text
    sentences = [read(span.of(text)) for span in passage.sentences]
    for length in range(1, _LONGEST + 1):
        for first in range(len(sentences) - length + 1):
            chosen = tuple(sentences[first : first + length])
            if length == 1 or all(_brings(chosen, place, words, names) for place in range(length)):
                span = Span(passage.sentences[first].start, passage.sentences[first + length - 1].end)
                yield Run(passage, span, read(span.of(text)), chosen)


def is_name(token: Token) -> bool:
    """Whether the word is a name or a number, which checks of their own look at."""
    return token.text[0].isupper() or token.text[0].isdigit()


def _brings(run: Sequence[Reading], place: int, words: set[str], names: set[str]) -> bool:
    own = run[place].heavy
    others = frozenset[str]().union(*(reading.heavy for at, reading in enumerate(run) if at != place))
    return bool(words & own or (names & own) - others)
