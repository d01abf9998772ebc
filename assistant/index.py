"""The Chroma collection and the lexical index beside it, kept in step with the articles (`sync`).

Chroma holds everything: each passage with its vector, its text, its article's front matter and its sentences' spans and
vectors. What is searched besides is a `Snapshot`, built in memory from one revision of the collection and unchanging.

Crash safety: a passage's id holds its article's digest. A changed article's new passages are written first and its old
ones deleted after; an article counts as present once all its passages are. So a sync that was cut short leaves whole
articles, old or new, and the next sync finishes the work.
"""

import base64
import hashlib
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import ReadWriteLock, Timeout

from assistant.articles import Article, Corpus
from assistant.embeddings import PassageEmbeddings, Vectors
from assistant.errors import AssistantError, IndexLockedError
from assistant.lexical import LexicalIndex
from assistant.passages import PASSAGE_VERSION, Passage, Span, split_passages
from assistant.settings import Settings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_BATCH = 64  # passages embedded and written at a time: progress that moves, memory that stays
_PAGE = 1000  # Chroma fails on reading a large collection at once

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SyncReport:
    """What a sync did, by article id. `problems` says why an article could not be read."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    problems: dict[str, str]
    passages_embedded: int


class Snapshot:
    """One revision of the index, in memory and unchangeable: articles, passages, sentences, and lexical search."""

    def __init__(self, revision: str, passages: Sequence[Passage], sentence_vectors: Sequence[Vectors]) -> None:
        """`sentence_vectors[i]` has a row for each sentence of `passages[i]`."""
        self.revision = revision
        self.passages = tuple(passages)
        self.sentence_vectors = tuple(sentence_vectors)
        self.articles = {passage.article.id: passage.article for passage in passages}
        self.row_of = {passage.id: row for row, passage in enumerate(passages)}

    @cached_property
    def sentences(self) -> tuple[tuple[int, Span], ...]:
        """Every sentence as (row of its passage, span in its article)."""
        return tuple((row, span) for row, passage in enumerate(self.passages) for span in passage.sentences)

    @cached_property
    def first_sentence(self) -> tuple[int, ...]:
        """For each passage, the number of its first sentence in `sentences`."""
        counts = [len(passage.sentences) for passage in self.passages]
        return tuple(int(number) for number in np.cumsum([0, *counts]))

    @cached_property
    def lexical(self) -> LexicalIndex:
        """Lexical search over the sentences; a document number is a place in `sentences`."""
        return LexicalIndex(span.of(self.passages[row].article.text) for row, span in self.sentences)

    @cached_property
    def lexical_passages(self) -> LexicalIndex:
        """Lexical search over the passages, titles included; a document number is a row."""
        return LexicalIndex(f"{passage.article.title}\n{passage.text}" for passage in self.passages)


class Index:
    """The store of passages. Holds a reader's lock on the data directory until `close()`.

    Any number of processes may read at once; a sync waits for nobody and excludes everybody.
    """

    def __init__(self, settings: Settings, embeddings: PassageEmbeddings) -> None:
        """Open the index, empty if it does not exist.

        Raises:
            IndexLockedError: another process is writing.
        """
        self.embeddings = embeddings
        self._settings = settings
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            self._lock = ReadWriteLock(settings.data_dir / "lock.db", is_singleton=False)
        except OSError as error:
            raise AssistantError(f"The data directory {settings.data_dir} cannot be used: {error.strerror}.") from None
        # The lock wants to be released by the thread that took it, while any thread may sync or close.
        self._locker = ThreadPoolExecutor(1, "index-lock")
        self._client: ClientAPI | None = None
        self._snapshot: Snapshot | None = None
        self._closed = False
        self._acquire_read()

    def close(self) -> None:
        """Let go of the database and the lock. Once is enough, twice does no harm."""
        if self._closed:
            return
        self._closed = True
        if self._client is not None:  # else Chroma keeps it for this process, blind to what others write meanwhile
            self._client.close()  # type: ignore[attr-defined]  # their class has it, their interface does not
            self._client = None
        self._locker.submit(self._lock.close).result()
        self._locker.shutdown()

    @property
    def snapshot(self) -> Snapshot:
        """The current revision. Hold on to it for the time of an answer: another process may sync a Chroma server."""
        if self._snapshot is None or (self._settings.chroma_url and self._recorded() != self._snapshot.revision):
            self._snapshot = self._load_snapshot()
        return self._snapshot

    def nearest(self, vector: Sequence[float], count: int, snapshot: Snapshot | None = None) -> list[tuple[int, float]]:
        """Rows of the snapshot's passages nearest in meaning, best first, each with its cosine similarity."""
        snapshot = snapshot or self.snapshot
        if not snapshot.passages:
            return []
        found = self._collection().query(
            query_embeddings=[list(vector)], n_results=min(count, len(snapshot.passages)), include=["distances"]
        )
        pairs = zip(found["ids"][0], (found["distances"] or [[]])[0], strict=True)
        return [(snapshot.row_of[key], 1.0 - distance) for key, distance in pairs if key in snapshot.row_of]

    def sync(self, corpus: Corpus, progress: Progress = lambda done, total: None) -> SyncReport:
        """Bring the index in step with the articles. What has not changed is not touched.

        An article that cannot be read any more keeps the version indexed before, if there is one.
        `progress` is called with passages done and passages to do.

        Raises:
            IndexLockedError: something is to be written and another process uses the data directory.
        """
        wanted = {article.id: article for article in corpus.articles}
        if self._settings.chroma_url or (self._settings.data_dir / "chroma").exists():
            plan = self._plan(wanted, corpus.problems)
            if not plan.work and self._recorded() == plan.revision:
                return plan.report(corpus.problems, 0)
        with self._writing():
            plan = self._plan(wanted, corpus.problems)
            passages = [passage for key in plan.to_write for passage in split_passages(wanted[key])]
            progress(0, len(passages))
            for first in range(0, len(passages), _BATCH):
                batch = passages[first : first + _BATCH]
                self._write(batch)
                progress(first + len(batch), len(passages))
            self._delete(plan.stale_ids)
            self._collection().modify(metadata={"revision": _revision(self._stored())})
            self._snapshot = None
        return plan.report(corpus.problems, len(passages))

    # -- locks ---------------------------------------------------------------------------------------------------

    def _acquire_read(self) -> None:
        try:
            self._locker.submit(self._lock.acquire_read, timeout=5).result()
        except Timeout:
            raise IndexLockedError(self._locked("is being written by another process")) from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._locker.submit(self._lock.release).result()
        try:
            try:
                self._locker.submit(self._lock.acquire_write, timeout=1).result()
            except Timeout:
                raise IndexLockedError(
                    self._locked("is in use by another process, such as `assistant serve`")
                ) from None
            (self._settings.data_dir / "writer.json").write_text(
                json.dumps({"pid": os.getpid(), "command": " ".join(sys.argv[:2]), "since": time.strftime("%F %T")})
            )
            try:
                yield
            finally:
                (self._settings.data_dir / "writer.json").unlink(missing_ok=True)
                self._locker.submit(self._lock.release).result()
        finally:
            self._acquire_read()

    def _locked(self, state: str) -> str:
        try:
            owner = json.loads((self._settings.data_dir / "writer.json").read_text())
            who = f" (process {owner['pid']}, {owner['command']}, since {owner['since']})"
        except (OSError, ValueError, KeyError):
            who = ""
        return (
            f"The data directory {self._settings.data_dir} {state}{who}. "
            "Wait for it or stop it, or set ASSISTANT_DATA_DIR to another folder."
        )

    # -- Chroma --------------------------------------------------------------------------------------------------

    def _collection(self) -> Any:
        import chromadb
        from chromadb.config import Settings as ChromaSettings

        if self._client is None:
            options = ChromaSettings(anonymized_telemetry=False)
            if self._settings.chroma_url:
                self._client = _http_client(self._settings.chroma_url, options)
            else:
                self._client = chromadb.PersistentClient(str(self._settings.data_dir / "chroma"), settings=options)
        # Without an embedding function: a stored one could run code here, and the default downloads a model.
        return self._client.get_or_create_collection(
            self.collection_name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    @cached_property
    def collection_name(self) -> str:
        """One collection for each embedding model and way of cutting passages: their vectors never mix."""
        model = re.sub(r"[^a-z0-9]+", "-", self.embeddings.name.lower()).strip("-")
        suffix = hashlib.sha256(self.embeddings.name.encode()).hexdigest()[:8]
        return f"passages-{model[:40]}-{suffix}-v{PASSAGE_VERSION}"

    def _recorded(self) -> str | None:
        return (self._collection().metadata or {}).get("revision")

    def _write(self, passages: Sequence[Passage]) -> None:
        vectors = self.embeddings.embed_passages(passages)
        counts = {key: len(split_passages(a)) for key, a in {p.article.id: p.article for p in passages}.items()}
        self._collection().upsert(
            ids=[passage.id for passage in passages],
            embeddings=[vector.tolist() for vector, _ in vectors],
            documents=[passage.text for passage in passages],
            metadatas=[
                {
                    "article_id": passage.article.id,
                    "digest": passage.article.digest,
                    "article": passage.article.model_dump_json(exclude={"text"}),
                    "ordinal": passage.ordinal,
                    "passages": counts[passage.article.id],
                    "start": passage.start,
                    "sentences": ",".join(f"{span.start}-{span.end}" for span in passage.sentences),
                    "sentence_vectors": _pack(rows),
                    "written": time.time_ns(),
                }
                for passage, (_, rows) in zip(passages, vectors, strict=True)
            ],
        )

    def _delete(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), _PAGE):
            self._collection().delete(ids=list(ids[first : first + _PAGE]))

    def _records(self, *include: str) -> Iterator[tuple[str, dict[str, Any], str | None]]:
        collection = self._collection()
        total = collection.count()
        for offset in range(0, total, _PAGE):
            page = collection.get(limit=_PAGE, offset=offset, include=["metadatas", *include])
            documents = page["documents"] or [None] * len(page["ids"])
            yield from zip(page["ids"], page["metadatas"], documents, strict=True)

    def _stored(self) -> dict[str, dict[str, list[str]]]:
        """For each article id and digest, the ids of the passages that are there, if they are all there; else none."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        needed: dict[tuple[str, str], int] = {}
        for key, meta, _ in self._records():
            version = (meta["article_id"], meta["digest"])
            found[version].append(key)
            needed[version] = meta["passages"]
        stored: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for (article_id, digest), keys in found.items():
            complete = len(keys) == needed[article_id, digest]
            stored[article_id][digest if complete else f"{digest} incomplete"] = keys
        return stored

    def _plan(self, wanted: dict[str, Article], problems: dict[str, str]) -> "_Plan":
        stored = self._stored()
        added, changed, unchanged, removed = [], [], [], []
        stale: list[str] = []
        for key, article in wanted.items():
            versions = stored.get(key, {})
            if article.digest in versions:
                unchanged.append(key)
            elif versions:
                changed.append(key)
            else:
                added.append(key)
            stale += [i for digest, ids in versions.items() if digest != article.digest for i in ids]
        for key, versions in stored.items():
            if key not in wanted and key not in problems:
                removed.append(key)
                stale += [i for ids in versions.values() for i in ids]
        # Passages of an interrupted write have the ids of the finished one: they are overwritten, not deleted.
        writing = {p.id for key in (*added, *changed) for p in split_passages(wanted[key])}
        stale_ids = [i for i in stale if i not in writing]
        return _Plan(added, changed, removed, unchanged, stale_ids, _revision(stored))

    def _load_snapshot(self) -> Snapshot:
        versions: dict[str, dict[str, list[tuple[dict[str, Any], str]]]] = defaultdict(lambda: defaultdict(list))
        if self._settings.chroma_url or (self._settings.data_dir / "chroma").exists():
            for _, meta, document in self._records("documents"):
                versions[meta["article_id"]][meta["digest"]].append((meta, document or ""))
        passages: list[Passage] = []
        vectors: list[Vectors] = []
        for key in sorted(versions):
            whole = [records for records in versions[key].values() if len(records) == records[0][0]["passages"]]
            if not whole:
                continue
            parts = max(whole, key=lambda records: int(records[0][0]["written"]))
            parts.sort(key=lambda record: int(record[0]["ordinal"]))
            article = Article.model_validate(
                {**json.loads(parts[0][0]["article"]), "text": "".join(document for _, document in parts)}
            )
            for meta, document in parts:
                start = meta["start"]
                pairs = [pair.split("-") for pair in meta["sentences"].split(",") if pair]
                spans = tuple(Span(int(left), int(right)) for left, right in pairs)
                passages.append(Passage(article, meta["ordinal"], start, start + len(document), spans))
                vectors.append(_unpack(meta["sentence_vectors"], len(spans)))
        return Snapshot(_revision_of(passages), passages, vectors)


@dataclass(frozen=True)
class _Plan:
    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]
    stale_ids: list[str]
    revision: str  # of what was stored when the plan was made

    @property
    def to_write(self) -> list[str]:
        return [*self.added, *self.changed]

    @property
    def work(self) -> bool:
        return bool(self.to_write or self.stale_ids)

    def report(self, problems: dict[str, str], embedded: int) -> SyncReport:
        return SyncReport(
            tuple(self.added), tuple(self.changed), tuple(self.removed), tuple(self.unchanged), problems, embedded
        )


def _http_client(url: str, options: Any) -> "ClientAPI":
    from urllib.parse import urlsplit

    import chromadb

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AssistantError(f"ASSISTANT_CHROMA_URL is {url!r}; give http://host:port.")
    try:
        return chromadb.HttpClient(
            host=parts.hostname, port=parts.port or 8000, ssl=parts.scheme == "https", settings=options
        )
    except ValueError as error:
        raise AssistantError(f"The Chroma server at {parts.hostname}:{parts.port} does not answer: {error}") from None


def _pack(rows: Vectors) -> str:
    """Unit vectors as 8-bit integers in text: a quarter of the size, and cosines right to about 0.005."""
    return base64.b64encode(np.rint(rows * 127).astype(np.int8).tobytes()).decode()


def _unpack(packed: str, count: int) -> Vectors:
    rows = np.frombuffer(base64.b64decode(packed), np.int8).reshape(count, -1 if count else 0).astype(np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def _revision(stored: dict[str, dict[str, list[str]]]) -> str:
    whole = {(key, digest) for key, versions in stored.items() for digest in versions if " " not in digest}
    return _hash(sorted(whole))


def _revision_of(passages: Sequence[Passage]) -> str:
    return _hash(sorted({(passage.article.id, passage.article.digest) for passage in passages}))


def _hash(versions: object) -> str:
    return hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:16]
