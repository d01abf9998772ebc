"""A snapshot: one revision of the index in memory, with all that is searched or looked up besides Chroma."""

from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from assistant.articles import Article
from assistant.embeddings import Vectors
from assistant.filters import Catalogue
from assistant.lexical import LexicalIndex, Vocabulary, words
from assistant.passages import Passage, Span


class PassageTable(Sequence[Passage]):
    """The passages of whole articles, made when they are asked for.

    As objects, those of a large corpus would take more memory than all else and make garbage collection slow.
    """

    def __init__(
        self,
        articles: Sequence[Article],
        passages: Sequence[int],
        starts: Sequence[int],
        sentences: Sequence[int],
        spans: Sequence[int],
    ) -> None:
        """`passages` are counted for each article, `sentences` for each passage; each passage has its start in the
        article's text, where the one before ends, and each sentence its start and end in `spans`.
        """
        self.articles = tuple(articles)
        self._first_row = np.cumsum([0, *passages])
        #: For each row the place of its article in `articles`.
        self.article_of = np.repeat(np.arange(len(articles)), np.diff(self._first_row))
        #: The number of each row's first sentence, and the number of all at the end.
        self.first_sentence = np.cumsum([0, *sentences])
        self._starts = np.array(starts, np.int64)
        self._ends = np.append(self._starts[1:], 0)
        self._ends[self._first_row[1:] - 1] = [len(article.text) for article in articles]
        self._spans = np.array(spans, np.int64).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, row: int) -> Passage: ...
    @overload
    def __getitem__(self, row: slice) -> list[Passage]: ...
    def __getitem__(self, row: int | slice) -> Passage | list[Passage]:
        if isinstance(row, slice):
            return [self[at] for at in range(len(self))[row]]
        row = range(len(self))[row]
        place = self.article_of[row]
        spans = self._spans[self.first_sentence[row] : self.first_sentence[row + 1]].tolist()
        return Passage(
            self.articles[place],
            int(row - self._first_row[place]),
            int(self._starts[row]),
            int(self._ends[row]),
            tuple(Span(start, end) for start, end in spans),
        )


class Snapshot:
    """One revision of the index, unchangeable.

    A passage's place in `passages` is its row. Sentences are numbered through all passages: those of row r have the
    numbers `first_sentence[r]` up to `first_sentence[r + 1]`.
    """

    def __init__(self, revision: str, keys: Sequence[str], passages: PassageTable, packed: NDArray[np.int8]) -> None:
        """`keys` are the passages' ids, an article's passages side by side; `packed` has a row for each sentence, its
        unit vector times 127.
        """
        self.revision = revision
        self.passages = passages
        self.articles = {article.id: article for article in passages.articles}
        self.row_of = {key: row for row, key in enumerate(keys)}
        self.first_sentence = passages.first_sentence
        self.article_of = passages.article_of
        self._packed = packed

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """The row of each sentence's passage."""
        return np.repeat(np.arange(len(self.passages)), np.diff(self.first_sentence))

    @cached_property
    def catalogue(self) -> Catalogue:
        """What the articles can be filtered by; numbers are places in `articles`."""
        return Catalogue(list(self.articles.values()))

    @property
    def lexical(self) -> LexicalIndex:
        """Lexical search over the sentences."""
        return self._words[0]

    @property
    def lexical_articles(self) -> LexicalIndex:
        """Lexical search over whole articles, titles included; a text's number is its article's place in `articles`."""
        return self._words[1]

    @property
    def wordings(self) -> NDArray[np.int64]:
        """For each sentence a number that those of the same words share, whatever the punctuation, case and spacing."""
        return self._words[2]

    def vectors(self, sentences: NDArray[np.int64]) -> Vectors:
        """The unit vectors of some sentences, a row each."""
        rows = self._packed[sentences].astype(np.float32)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)

    @cached_property
    def _words(self) -> tuple[LexicalIndex, LexicalIndex, NDArray[np.int64]]:
        """All that comes from the words, which are read once."""
        vocabulary = Vocabulary()
        sentences, sentence_lengths, wordings = array("i"), array("i"), array("q")
        texts, text_lengths = array("i"), array("i")
        for passage in self.passages:
            text, position, before = passage.article.text, passage.start, len(texts)
            if passage.ordinal == 0:
                texts.extend(vocabulary.read(words(passage.article.title)))
                text_lengths.append(0)
            for span in passage.sentences:
                found = words(text[span.start : span.end])
                numbers = vocabulary.read(found)
                if heading := text[position : span.start].strip():
                    texts.extend(vocabulary.read(words(heading)))
                texts.extend(numbers)
                sentences.extend(numbers)
                sentence_lengths.append(len(numbers))
                wordings.append(wording(found))
                position = span.end
            texts.extend(vocabulary.read(words(text[position : passage.end])))
            text_lengths[-1] += len(texts) - before
        return (
            LexicalIndex.of_numbers(vocabulary, sentences, sentence_lengths),
            LexicalIndex.of_numbers(vocabulary, texts, text_lengths),
            np.array(wordings, np.int64),
        )


def wording(found: Sequence[str]) -> int:
    """A number for the words of a sentence, the same for the same words in this process."""
    return hash(" ".join(found).casefold().replace("’", "'"))
