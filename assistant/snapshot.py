"""A snapshot: one revision of the index in memory, with all that is searched or looked up besides Chroma."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from assistant.articles import Article
from assistant.embeddings import Vectors
from assistant.filters import Catalogue, Filters
from assistant.lexical import LexicalIndex, Vocabulary, words
from assistant.memory import give_back
from assistant.passages import Passage, Span, split_passages
from assistant.revisions import Revision


@dataclass(frozen=True, slots=True)
class Part:
    """An article's part of a snapshot, by its passages and sentences in order."""

    article: Article
    starts: NDArray[np.int64]  # (passages,), in the article's text; each passage ends where the next one starts
    sentences: NDArray[np.int64]  # (passages,), how many each has
    spans: NDArray[np.int64]  # (sentences, 2), start and end in the article's text
    packed: NDArray[np.int8]  # (sentences, d), unit vectors times 127

    @classmethod
    def of(cls, article: Article) -> Self:
        """An article cut into passages, nothing embedded: no vectors yet."""
        passages = split_passages(article)
        spans = [(span.start, span.end) for passage in passages for span in passage.sentences]
        return cls(
            article,
            starts=np.array([passage.start for passage in passages], np.int64),
            sentences=np.array([len(passage.sentences) for passage in passages], np.int64),
            spans=np.array(spans, np.int64).reshape(-1, 2),
            packed=np.zeros((0, 0), np.int8),
        )


def newest_first(article: Article) -> tuple[int, str]:
    """What to sort articles by."""
    return (-(article.held_on or date.min).toordinal(), article.id)


class PassageTable(Sequence[Passage]):
    """The passages of whole articles, made when they are asked for.

    As objects, those of a large corpus would take more memory than all else and make garbage collection slow.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        """The passages of these articles, in this order."""
        self.articles = tuple(part.article for part in parts)
        self._first_row = np.cumsum([0, *(len(part.starts) for part in parts)])
        #: For each row the place of its article in `articles`.
        self.article_of = np.repeat(np.arange(len(parts)), np.diff(self._first_row))
        #: The number of each row's first sentence, and the number of all at the end.
        self.first_sentence = np.append(0, np.cumsum(_joined([part.sentences for part in parts])))
        self._starts = _joined([part.starts for part in parts])
        self._ends = np.append(self._starts[1:], 0)[: len(self._starts)]
        self._ends[self._first_row[1:] - 1] = [len(part.article.text) for part in parts]
        self._spans = np.concatenate([np.zeros((0, 2), np.int64), *(part.spans for part in parts)])

    def part(self, place: int, packed: NDArray[np.int8]) -> Part:
        """What the article at this place brought in, where `packed` are all sentences' vectors."""
        first, end = self._first_row[place], self._first_row[place + 1]
        sentences = slice(self.first_sentence[first], self.first_sentence[end])
        counts = np.diff(self.first_sentence[first : end + 1])
        return Part(self.articles[place], self._starts[first:end], counts, self._spans[sentences], packed[sentences])

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

    def __init__(self, revision: Revision, parts: Mapping[str, Part]) -> None:
        """`parts` are those of the revision's articles, by article id."""
        #: The same articles have the same.
        self.revision = revision.name
        #: Which versions of the articles these are, and the collection that has their passages.
        self.origin = revision
        order = sorted(parts)
        self.passages = PassageTable([parts[key] for key in order])
        self.articles = {article.id: article for article in self.passages.articles}
        keys = (key for article in order for key in revision.versions[article].ids)
        self.row_of = {key: row for row, key in enumerate(keys)}
        self.first_sentence = self.passages.first_sentence
        self.article_of = self.passages.article_of
        vectors = [parts[key].packed for key in order if len(parts[key].packed)]  # an article may be all headings
        self._packed = np.concatenate(vectors) if vectors else np.zeros((0, 0), np.int8)

    def warmed(self) -> Self:
        """The same, after doing what the first question would otherwise wait for."""
        assert self.lexical.size == len(self.owner)
        assert len(self.catalogue.passing(Filters())) == len(self.articles)
        return self

    def part(self, article_id: str) -> Part:
        """An article's part, for the next snapshot, which may have it too."""
        return self.passages.part(self._places[article_id], self._packed)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {article: place for place, article in enumerate(self.articles)}

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """The row of each sentence's passage."""
        return np.repeat(np.arange(len(self.passages)), np.diff(self.first_sentence))

    @cached_property
    def catalogue(self) -> Catalogue:
        """What the articles can be filtered by; numbers are places in `articles`."""
        return Catalogue(list(self.articles.values()))

    def newest(self, filters: Filters) -> list[Article]:
        """The articles that pass, newest first, those of the same day by id.

        Raises:
            QuestionError: a filter names an outlet or topic that no article has.
        """
        passing = self.catalogue.passing(filters)
        found = [article for article, passes in zip(self.articles.values(), passing, strict=True) if passes]
        return sorted(found, key=newest_first)

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
        of_sentences = LexicalIndex.of_numbers(vocabulary, sentences, sentence_lengths)
        del sentences
        of_articles = LexicalIndex.of_numbers(vocabulary, texts, text_lengths)
        del texts
        give_back()
        return of_sentences, of_articles, np.array(wordings, np.int64)


def _joined(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *arrays])


def wording(found: Sequence[str]) -> int:
    """A number for the words of a sentence, the same for the same words in this process."""
    return hash(" ".join(found).casefold().replace("’", "'"))
