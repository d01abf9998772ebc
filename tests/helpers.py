"""What several test files build with: articles, embeddings that cost nothing, and processes of their own."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import yaml

from assistant.articles import Article, Corpus
from assistant.embeddings import PassageEmbeddings, Vectors
from assistant.index import Index, SyncReport
from assistant.passages import Passage, split_passages
from assistant.settings import Settings
from assistant.snapshot import Snapshot

TESTS = Path(__file__).parent
ROOT = TESTS.parent


def make_article(article_id: str = "one", text: str = "The sky was clear. Nobody saw it.\n", **fields: Any) -> Article:
    """An article without a file."""
    return Article.model_validate({"id": article_id, "title": article_id.title(), "text": text, **fields})


def write_article(folder: Path, name: str, text: str = "The sky was clear. Nobody saw it.\n", **fields: Any) -> Path:
    """Write an article file; a .md file gets front matter with a title. `name` may hold folders."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".md":
        front = yaml.safe_dump({"title": path.stem.title(), **fields}, allow_unicode=True, sort_keys=False)
        text = f"---\n{front}---\n\n{text}"
    path.write_bytes(text.encode())
    return path


def hash_vector(text: str, dimension: int = 64) -> Vectors:
    """A unit vector made of the text's words: the same text gives the same vector, shared words bring texts near."""
    total = np.zeros(dimension)
    for word in re.findall(r"\w+", text.casefold()) or [text]:
        total += _word_vector(word, dimension)
    return np.asarray(total / np.linalg.norm(total), np.float32)


@lru_cache(20_000)  # a generator takes ten times as long to make as to use, and the words are mostly the same ones
def _word_vector(word: str, dimension: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dimension)


class HashEmbeddings:
    """`PassageEmbeddings` without a model."""

    def __init__(self, name: str = "hash", dimension: int = 64) -> None:
        self.name = name
        self._dimension = dimension

    def embed_query(self, text: str) -> list[float]:
        return [float(value) for value in hash_vector(text, self._dimension)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_passages(self, passages: Sequence[Passage]) -> list[tuple[Vectors, Vectors]]:
        out = []
        for passage in passages:
            rows = [hash_vector(span.of(passage.article.text), self._dimension) for span in passage.sentences]
            empty = np.zeros((0, self._dimension), np.float32)
            out.append((hash_vector(passage.text, self._dimension), np.stack(rows) if rows else empty))
        return out


class PowerCut(Exception):
    """What `CountingEmbeddings` raises when told to fail."""


class CountingEmbeddings:
    """Counts the passages that go through; fails before the passage that would be number `limit` + 1."""

    def __init__(self, inner: PassageEmbeddings, limit: int | None = None) -> None:
        self.name = inner.name
        self.passages = 0
        self._inner = inner
        self._limit = limit

    def embed_query(self, text: str) -> list[float]:
        return self._inner.embed_query(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._inner.embed_documents(texts)

    def embed_passages(self, passages: Sequence[Passage]) -> list[tuple[Vectors, Vectors]]:
        if self._limit is not None and self.passages + len(passages) > self._limit:
            raise PowerCut
        self.passages += len(passages)
        return self._inner.embed_passages(passages)


def count_passages(*articles: Article) -> int:
    """How many passages the articles have."""
    return sum(len(split_passages(article)) for article in articles)


def assert_same_snapshot(left: Snapshot, right: Snapshot) -> None:
    """Both hold the same articles, passages, spans and vectors."""
    assert left.revision == right.revision
    assert left.articles == right.articles
    assert [p.id for p in left.passages] == [p.id for p in right.passages]
    assert list(left.passages) == list(right.passages)
    everything = np.arange(left.first_sentence[-1])
    assert np.array_equal(left.vectors(everything), right.vectors(everything))


def done(report: SyncReport) -> dict[str, tuple[str, ...]]:
    """What a sync did, without what it did not do."""
    kinds = {"added": report.added, "changed": report.changed, "removed": report.removed, "unchanged": report.unchanged}
    return {kind: keys for kind, keys in kinds.items() if keys}


LONG = "".join(f"The sky over town {number} was clear and nobody saw it at all. " for number in range(60))
OLD = Corpus((make_article("a", "A." + LONG), make_article("b", "B." + LONG), make_article("c")), {})
NEW = Corpus((make_article("a", "A again." + LONG), make_article("c"), make_article("d", "D." + LONG)), {})


@contextmanager
def opened(settings: Settings, embeddings: PassageEmbeddings | None = None) -> Iterator[Index]:
    """An index, closed in the end."""
    index = Index(settings, embeddings or HashEmbeddings())
    try:
        yield index
    finally:
        index.close()


def corpus_of(*articles: Article, **problems: str) -> Corpus:
    """A corpus without a folder."""
    return Corpus(articles, problems)


def stored(index: Index) -> dict[str, Vectors]:
    """All passages that the collection really has, by id, with their vectors; those included that no snapshot shows."""
    found = index._store.get(index.snapshot.origin.passages, include=["embeddings"])
    return {key: np.asarray(row, np.float32) for key, row in zip(found["ids"], found["embeddings"], strict=True)}


def stored_passages(index: Index) -> int:
    """How many passages the collection really has."""
    return index._store.count(index.snapshot.origin.passages)


def assert_as_built_from_nothing(settings: Settings, corpus: Corpus, embeddings: PassageEmbeddings) -> None:
    """The index is what a fresh one of the same articles would be: article by article, vector by vector, byte by byte.

    The fresh one is embedded, has another folder, and so no vectors from before.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh_settings = settings.model_copy(update={"data_dir": Path(folder), "chroma_url": None})
        with opened(settings, embeddings) as index, opened(fresh_settings, embeddings) as fresh:
            fresh.sync(corpus)
            assert_same_snapshot(index.snapshot, fresh.snapshot)
            mine, theirs = stored(index), stored(fresh)
            assert mine.keys() == theirs.keys()
            assert all(mine[key].tobytes() == theirs[key].tobytes() for key in mine)
            found = [index.nearest(vector.tolist(), 1)[0][1] for vector in list(mine.values())[:200]]
            assert np.mean(np.array(found) > 0.999) >= 0.98, "an HNSW index finds nearly all"


class Child:
    """A Python process of its own that says on standard output how far it is, and waits on standard input."""

    def __init__(self, code: str, *arguments: object) -> None:
        path = os.pathsep.join([str(TESTS), str(ROOT)])
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def hear(self) -> str:
        """The next line that the process writes; waits for it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process ended with code {self._process.wait()} before it said anything more"
        return line.rstrip("\n")

    def tell(self, line: str) -> None:
        """Write one line to the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End the process as a power cut would, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()
