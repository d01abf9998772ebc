"""The Chroma collection and the lexical index beside it, kept in step with the articles (`sync`).

Chroma holds everything: each passage with its vector, its text, its article's front matter and its sentences' spans and
vectors. What is searched besides is a `Snapshot`, built in memory from one revision of the collection and unchanging.

Crash safety: a passage's id holds its article's digest. A changed article's new passages are written first and its old
ones deleted after; an article counts as present once all its passages are. So a sync that was cut short leaves whole
articles, old or new, and the next sync finishes the work.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assistant.articles import Article, Corpus
from assistant.embeddings import PassageEmbeddings, Vectors
from assistant.errors import AssistantError
from assistant.filters import Filters
from assistant.lock import DirectoryLock
from assistant.passages import PASSAGE_VERSION, Passage, split_passages
from assistant.records import (
    RECORD_VERSION,
    Record,
    Stored,
    by_version,
    metadata,
    read_record,
    revision,
    snapshot_of,
    whole,
)
from assistant.settings import Settings
from assistant.snapshot import Snapshot

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

_BATCH = 64  # passages embedded at a time: progress that moves
_WRITE = 512  # passages written at a time: Chroma takes half the time that it takes in small portions
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
        self._lock = DirectoryLock(settings.data_dir)
        self._client: ClientAPI | None = None
        self._snapshot: Snapshot | None = None
        self._closed = False

    def close(self) -> None:
        """Let go of the database and the lock. Once is enough, twice does no harm."""
        if self._closed:
            return
        self._closed = True
        if self._client is not None:  # else Chroma keeps it for this process, blind to what others write meanwhile
            self._client.close()  # type: ignore[attr-defined]  # their class has it, their interface does not
            self._client = None
        self._lock.close()

    @property
    def snapshot(self) -> Snapshot:
        """The current revision. Hold on to it for the time of an answer: another process may sync a Chroma server."""
        if self._snapshot is None or (self._settings.chroma_url and self._recorded() != self._snapshot.revision):
            self._snapshot = snapshot_of(self._read())
        return self._snapshot

    @property
    def loaded(self) -> Snapshot | None:
        """The revision that is in memory, if there is one and the index is open. Reads nothing and waits for nobody."""
        return None if self._closed else self._snapshot

    def nearest(
        self,
        vector: Sequence[float],
        count: int,
        snapshot: Snapshot | None = None,
        filters: Filters = Filters(),  # noqa: B008  frozen
    ) -> list[tuple[int, float]]:
        """Rows of the snapshot's passages nearest in meaning, best first, each with its cosine similarity.

        Only passages of articles that pass the filters are searched: Chroma filters before it looks for the nearest.
        """
        snapshot = snapshot or self.snapshot
        if not snapshot.passages:
            return []
        found = self._collection().query(
            query_embeddings=[list(vector)],
            n_results=min(count, len(snapshot.passages)),
            where=filters.where(),
            include=["distances"],
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
        if self._exists() and (report := self._nothing_to_do(wanted, corpus.problems)):
            return report
        with self._lock.writing():
            plan = _plan(wanted, corpus.problems, self._read())
            cut = {key: split_passages(wanted[key]) for key in plan.to_write}
            passages = [(passage, len(own)) for own in cut.values() for passage in own]
            progress(0, len(passages))
            for first in range(0, len(passages), _WRITE):
                portion = passages[first : first + _WRITE]
                vectors: list[tuple[Vectors, Vectors]] = []
                for at in range(0, len(portion), _BATCH):
                    batch = [passage for passage, _ in portion[at : at + _BATCH]]
                    vectors += self.embeddings.embed_passages(batch)
                    progress(first + len(vectors), len(passages))
                self._write(portion, vectors)
            self._delete(plan.stale_ids)
            stored = self._read()
            self._collection().modify(metadata={"revision": revision(stored)})
            self._snapshot = snapshot_of(stored)
        return plan.report(corpus.problems, len(passages))

    def _nothing_to_do(self, wanted: dict[str, Article], problems: dict[str, str]) -> SyncReport | None:
        stored = self._read()
        plan = _plan(wanted, problems, stored)
        if plan.work or self._recorded() != revision(stored):
            return None
        self._snapshot = self._snapshot or snapshot_of(stored)
        return plan.report(problems, 0)

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
        """One collection for each embedding model, way of cutting passages and kind of record: they never mix."""
        model = re.sub(r"[^a-z0-9]+", "-", self.embeddings.name.lower()).strip("-")
        suffix = hashlib.sha256(self.embeddings.name.encode()).hexdigest()[:8]
        return f"passages-{model[:40]}-{suffix}-v{PASSAGE_VERSION}.{RECORD_VERSION}"

    def _recorded(self) -> str | None:
        return (self._collection().metadata or {}).get("revision")

    def _write(self, passages: Sequence[tuple[Passage, int]], vectors: Sequence[tuple[Vectors, Vectors]]) -> None:
        """Write passages, each given with the number that its article has, and their vectors."""
        self._collection().upsert(
            ids=[passage.id for passage, _ in passages],
            embeddings=[vector.tolist() for vector, _ in vectors],
            documents=[passage.text for passage, _ in passages],
            metadatas=[
                metadata(passage, count, rows) for (passage, count), (_, rows) in zip(passages, vectors, strict=True)
            ],
        )

    def _delete(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), _PAGE):
            self._collection().delete(ids=list(ids[first : first + _PAGE]))

    def _exists(self) -> bool:
        return bool(self._settings.chroma_url) or (self._settings.data_dir / "chroma").exists()

    def _read(self) -> Stored:
        return by_version(self._records()) if self._exists() else {}

    def _records(self) -> Iterator[Record]:
        collection = self._collection()
        for offset in range(0, collection.count(), _PAGE):
            page = collection.get(limit=_PAGE, offset=offset, include=["metadatas", "documents"])
            for key, meta, text in zip(page["ids"], page["metadatas"], page["documents"], strict=True):
                yield read_record(key, meta, text or "")


@dataclass(frozen=True)
class _Plan:
    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]
    stale_ids: list[str]

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


def _plan(wanted: dict[str, Article], problems: dict[str, str], stored: Stored) -> _Plan:
    added, changed, unchanged = [], [], []
    stale: list[str] = []
    for key, article in wanted.items():
        versions = stored.get(key, {})
        if whole(versions.get(article.digest, [])):
            unchanged.append(key)
        elif versions:
            changed.append(key)
        else:
            added.append(key)
        # Passages of an interrupted write have the ids of the finished one: they are overwritten, not deleted.
        stale += [record.id for digest, own in versions.items() if digest != article.digest for record in own]
    removed = [key for key in stored if key not in wanted and key not in problems]
    stale += [record.id for key in removed for own in stored[key].values() for record in own]
    return _Plan(added, changed, removed, unchanged, stale)


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
