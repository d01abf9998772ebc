"""Lexical search: BM25 over stemmed words, built in memory from the texts it is given."""

import re
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache

import bm25s
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


def stems(text: str) -> list[str]:
    """The words of `text` that carry meaning, stemmed, in order; a possessive's ending is dropped."""
    words = [re.sub(r"[’']s?$|[’'](?=\w)", "", word.casefold()) for word in _WORD.findall(text)]
    kept = [word for word in words if word and word not in STOP_WORDS]
    return [_stem(word) for word in kept]


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    with _STEMMING:  # the stemmer keeps the word it works on in itself
        return str(_STEMMER.stemWord(word))


class LexicalIndex:
    """BM25 (Robertson's, as Lucene computes it) over a fixed list of texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Index the texts; a text's place in the list is its number."""
        documents = []
        #: Every word of the texts, lower case, with a spelling in which it stands there.
        self.words: dict[str, str] = {word: word for word in STOP_WORDS}
        for text in texts:
            documents.append(stems(text))
            for word in _WORD.findall(text):
                self.words.setdefault(word.casefold(), word)
        self.size = len(documents)
        self._frequency: dict[str, int] = {}
        for document in documents:
            for stem in set(document):
                self._frequency[stem] = self._frequency.get(stem, 0) + 1
        self._bm25 = bm25s.BM25(k1=_K1, b=_B)
        if self._frequency:
            self._bm25.index(documents, show_progress=False)

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """The BM25 score of every text for the stems of a question; zeros where nothing is shared."""
        known = [stem for stem in query if stem in self._frequency]
        if not known:
            return np.zeros(self.size, np.float32)
        return np.asarray(self._bm25.get_scores(known), np.float32)

    def weight(self, stem: str) -> float:
        """How much a stem tells, its inverse document frequency: 0 for one in every text, highest for an unseen one."""
        frequency = self._frequency.get(stem, 0)
        return float(np.log1p((self.size - frequency + 0.5) / (frequency + 0.5)))

    def __contains__(self, stem: str) -> bool:
        return stem in self._frequency
