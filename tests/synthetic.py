"""A corpus of any size for benchmarks: the project's sentences recombined, with other names and numbers."""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assistant.articles import Article
from assistant.embeddings import PassageEmbeddings, Vectors
from assistant.passages import Passage, split_passages

_NAME = re.compile(r"\b[A-Z][\w’'-]*[^\W_]\b")
_DIGIT = re.compile(r"\d")
_SYLLABLES = "ba bel cor dan del fen gar hal jor kas lem lor mar nev or pal quin ros sel tam ul vor wen yor zel".split()
_KEPT = 0.3  # of an article's names, so that what questions name is frequent without being everywhere
_PASSAGE = 660  # characters, on average
_REPRINTS = 20  # every so many articles, one prints an earlier one's text below an introduction of its own


class Synthetic:
    """Articles of about five passages each, the same for the same number, and vectors for them without a model."""

    def __init__(self, articles: Sequence[Article], embeddings: PassageEmbeddings) -> None:
        """Sentences and their vectors come from `articles`, which are embedded once, when that is needed."""
        self.name = f"synthetic-{embeddings.name}"
        self._model = embeddings
        self._passages = [passage for article in articles for passage in split_passages(article)]
        self._sentences = [span.of(passage.article.text) for passage in self._passages for span in passage.sentences]
        self._origin: dict[int, int] = {}  # by the checksum of a sentence made, the sentence that it was made from

    def embed_sentences(self) -> None:
        """Do what the first passages would otherwise wait for."""
        assert len(self._vectors) == len(self._sentences)

    @cached_property
    def _vectors(self) -> Vectors:
        return np.concatenate([rows for _, rows in self._model.embed_passages(self._passages)])

    def articles(self, passages: int) -> Iterator[Article]:
        """Articles with about `passages` passages together; each is made from its number alone."""
        number = 0
        while passages > 0:
            article = self._article(number)
            passages -= round(len(article.text) / _PASSAGE)
            number += 1
            yield article

    def embed_query(self, text: str) -> list[float]:
        """The real model's vector."""
        return self._model.embed_query(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The real model's vectors."""
        return self._model.embed_documents(texts)

    def embed_passages(self, passages: Sequence[Passage]) -> list[tuple[Vectors, Vectors]]:
        """Sentences near to the ones that they were made from; a passage in the middle of its sentences."""
        return [self._embed(passage) for passage in passages]

    def _embed(self, passage: Passage) -> tuple[Vectors, Vectors]:
        keys = [zlib.crc32(span.of(passage.article.text).encode()) for span in passage.sentences]
        base = self._vectors[[self._origin.get(key, key % len(self._vectors)) for key in keys]]
        noise = np.random.default_rng(keys or 0).normal(0, 0.5 / self._vectors.shape[1] ** 0.5, base.shape)
        rows = _units(base + noise)
        return _units(rows.sum(axis=0, keepdims=True) if len(rows) else self._vectors[:1])[0], rows

    def _article(self, number: int) -> Article:
        rng = np.random.default_rng(number)
        reprint = number % _REPRINTS == _REPRINTS - 1
        body = self._body(number - _REPRINTS + 1) if reprint else self._body(number)
        intro = self._body(number)[:4] if reprint else []
        sentences = intro + body
        paragraphs = [" ".join(sentences[at : at + 4]) for at in range(0, len(sentences), 4)]
        return Article(
            id=f"article-{number:06}",
            title=_renamed(self._sentences[int(rng.integers(len(self._sentences)))], _Names(rng))[:80],
            outlet=f"The {_name(int(rng.integers(200)))} Times",
            published=date(2000, 1, 1) + timedelta(days=int(rng.integers(9000))),
            topics=(_name(int(rng.integers(50))).lower(),),
            text="\n\n".join(paragraphs) + "\n",
        )

    def _body(self, number: int) -> list[str]:
        rng = np.random.default_rng([number, 1])
        names = _Names(rng)
        made = []
        for origin in rng.integers(len(self._sentences), size=int(rng.integers(18, 34))):
            made.append(_renamed(self._sentences[origin], names))
            self._origin[zlib.crc32(made[-1].encode())] = int(origin)
        return made


class _Names:
    """One article's names and numbers: the same for the same, other than another article's."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._known: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            # Names get rarer as a power of their rank, as words do; there are more the larger the corpus is.
            kept = self._rng.random() < _KEPT
            self._known[name] = name if kept else _name(int(self._rng.pareto(0.6) * 20) % 10**7)
        return self._known[name]

    def digit(self, _: re.Match[str]) -> str:
        return str(self._rng.integers(1, 10))


def _renamed(sentence: str, names: _Names) -> str:
    first = _NAME.match(sentence)
    start = first.end() if first else 0  # the first word has its capital from its place
    return sentence[:start] + _DIGIT.sub(names.digit, _NAME.sub(lambda name: names[name.group()], sentence[start:]))


def _name(number: int) -> str:
    syllables = []
    number += len(_SYLLABLES)
    while number:
        number, digit = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[digit])
    return "".join(syllables).capitalize()


def _units(rows: NDArray[np.floating]) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def median_day(days: Iterable[date | None]) -> date:
    """The day that half of the dated articles are older than."""
    known = sorted(filter(None, days))
    return known[len(known) // 2]
