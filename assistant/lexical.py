"""Lexical search: BM25 over stemmed words, built in memory from the texts it is given."""

import re
import threading
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Self

import numpy as np
import snowballstemmer
from numpy.typing import NDArray

# Smaller than the usual k1 1.5, b 0.75: news sentences and passages are short and of like length.
_K1, _B = 0.9, 0.4
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:[’'][^\W_]+)?")
_STEMMER = snowballstemmer.stemmer("english")
_STEMMING = threading.Lock()

STOP_WORDS = frozenset(
    """a an the of in on at to for from by with as and or but nor if than then so that this these those it its he she
    him her his they them their we us our you your i me my is are was were be been being am do does did doing have has
    had having will would shall should can could may might must what which who whom whose when where why how there here
    not no about into over after before between during out up down off again also just only very more most such own
    same too any both each few some other""".split()
)


def words(text: str) -> list[str]:
    """The words and numbers of `text` as they stand."""
    return _WORD.findall(text)


def stems(text: str) -> list[str]:
    """The words of `text` that carry meaning, stemmed, in order; a possessive's ending is dropped."""
    return [stem for word in words(text) if (stem := _stem(word))]


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """The stem of a word as it stands; nothing for a stop word."""
    word = re.sub(r"[’']s?$|[’'](?=\w)", "", word.casefold())
    if not word or word in STOP_WORDS:
        return ""
    with _STEMMING:  # the stemmer keeps the word it works on in itself
        return str(_STEMMER.stemWord(word))


class Vocabulary(dict[str, int]):
    """Numbers of words' stems, by the word as it stands, -1 for a stop word. A new word gets a number when asked for.

    One may serve several indexes.
    """

    def __init__(self) -> None:
        super().__init__()
        #: The number of each stem.
        self.numbers: dict[str, int] = {}
        #: Every word met, lower case, with a spelling in which it stands there.
        self.spellings: dict[str, str] = {word: word for word in STOP_WORDS}

    def __missing__(self, word: str) -> int:
        self.spellings.setdefault(word.casefold(), word)
        stem = _stem(word)
        self[word] = self.numbers.setdefault(stem, len(self.numbers)) if stem else -1
        return self[word]

    def read(self, found: Iterable[str]) -> list[int]:
        """The numbers of some words."""
        return list(map(self.__getitem__, found))


class LexicalIndex:
    """BM25 (Robertson's, as Lucene computes it) over a fixed list of texts.

    Scores are computed when the index is built: for each stem, the texts that have it and what it adds to their scores.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Index the texts; a text's place in the list is its number."""
        vocabulary, read, lengths = Vocabulary(), array("i"), array("i")
        for text in texts:
            found = vocabulary.read(words(text))
            read.extend(found)
            lengths.append(len(found))
        self._build(vocabulary, read, lengths)

    @classmethod
    def of_numbers(cls, vocabulary: Vocabulary, read: "array[int]", lengths: "array[int]") -> Self:
        """Index texts that the vocabulary has read: all words' numbers in a row, and how many belong to each text."""
        index = cls.__new__(cls)
        index._build(vocabulary, read, lengths)
        return index

    def _build(self, vocabulary: Vocabulary, read: "array[int]", lengths: "array[int]") -> None:
        #: Every word of the vocabulary, lower case, with a spelling in which it stands there.
        self.words = vocabulary.spellings
        self.size = len(lengths)
        self._numbers = vocabulary.numbers
        numbers = np.asarray(read, np.int32)
        kept = numbers >= 0
        texts = np.repeat(np.arange(self.size, dtype=np.int32), lengths)[kept]
        length = np.bincount(texts, minlength=self.size)
        # There are as many pairs as words in all texts, so as little as can be is made of them at a time.
        pairs = numbers[kept].astype(np.int64)
        pairs *= self.size
        pairs += texts
        del numbers, kept, texts
        pairs.sort()
        first = np.flatnonzero(np.diff(pairs, prepend=-1))
        counts = np.diff(first, append=len(pairs)).astype(np.int32)
        pairs = pairs[first]
        del first
        stem_of = (pairs // max(1, self.size)).astype(np.int32)
        self._texts = (pairs % max(1, self.size)).astype(np.int32)
        del pairs
        frequency = np.bincount(stem_of, minlength=len(self._numbers))
        self._first = np.concatenate([[0], np.cumsum(frequency)])
        self._idf = np.log1p((self.size - frequency + 0.5) / (frequency + 0.5))
        saturation = _K1 * (1 - _B + _B * length / max(1e-9, float(length.mean()) if self.size else 0.0))
        added = self._idf[stem_of]
        del stem_of
        added *= counts
        added /= counts + saturation[self._texts]
        self._added = added.astype(np.float32)

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """The BM25 score of every text for the stems of a question; zeros where nothing is shared."""
        out = np.zeros(self.size, np.float32)
        for stem in query:
            if stem in self._numbers:
                number = self._numbers[stem]
                posting = slice(self._first[number], self._first[number + 1])
                out[self._texts[posting]] += self._added[posting]
        return out

    def weight(self, stem: str) -> float:
        """How much a stem tells, its inverse document frequency: 0 for one in every text, highest for an unseen one."""
        if stem in self._numbers:
            return float(self._idf[self._numbers[stem]])
        return float(np.log1p((self.size + 0.5) / 0.5))

    def __contains__(self, stem: str) -> bool:
        if stem not in self._numbers:
            return False
        number = self._numbers[stem]
        return bool(self._first[number + 1] > self._first[number])
