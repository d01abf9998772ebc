"""What several test files build with: articles, embeddings that cost nothing, and processes of their own."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import yaml

from assistant.articles import Article
from assistant.embeddings import PassageEmbeddings, Vectors
from assistant.passages import Passage, split_passages
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
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        total += np.random.default_rng(seed).normal(size=dimension)
    return np.asarray(total / np.linalg.norm(total), np.float32)


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
    """Both hold the same articles, passages, spans and (nearly) the same vectors."""
    assert left.revision == right.revision
    assert left.articles == right.articles
    assert [p.id for p in left.passages] == [p.id for p in right.passages]
    assert list(left.passages) == list(right.passages)
    everything = np.arange(left.first_sentence[-1])
    assert np.allclose(left.vectors(everything), right.vectors(everything), atol=0.02)


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
