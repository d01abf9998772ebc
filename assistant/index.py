"""The index: passages in Chroma, kept in step with the articles (`sync`), and a snapshot of them in memory.

Chroma holds everything: each passage with its vector, its text, its article's front matter and its sentences' spans and
vectors. What is searched besides is a `Snapshot`, built in memory from one revision and unchanging.

Crash safety: new passages are written beside the old ones, then the revision is switched in one step, and what is left
over is deleted last (see `revisions`). A sync that was cut short leaves the old revision or the new one; the next sync
finishes the work, and embeds nothing that was embedded before.
"""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant import revisions
from assistant.articles import Article, Corpus
from assistant.embeddings import PassageEmbeddings, Vectors
from assistant.errors import AssistantError, IndexLockedError
from assistant.filters import Filters
from assistant.lock import DirectoryLock, Lease
from assistant.memory import give_back
from assistant.passages import PASSAGE_VERSION, Passage
from assistant.records import RECORD_VERSION, metadata, part_of
from assistant.revisions import Head, Leftovers, Revision, Version
from assistant.settings import Settings
from assistant.snapshot import Part, PassageTable, Snapshot
from assistant.store import DamagedError, MissingError, Store
from assistant.vector_cache import VectorCache

_LOG = logging.getLogger(__name__)
_BATCH = 64  # passages embedded at a time: progress that moves, and what is lost at most when a sync is stopped
_WRITE = 512  # passages written at a time: Chroma takes half the time that it takes in small portions
_PAGE = 1000  # Chroma fails on reading a large collection at once
_POLL = 1.0  # seconds between two looks for what others wrote to a server
_SPARE = 14  # passages asked for beyond those wanted, for some may belong to another revision
_COMPACT = 1000  # deleted passages that an HNSW index is allowed at any size

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SyncReport:
    """What a sync did, by article id. `problems` says why an article could not be read, `notice` what else happened."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    problems: dict[str, str]
    passages_embedded: int
    notice: str = ""


@dataclass(frozen=True)
class Stored:
    """What lies where: the place, the second since which the revision is current, what belongs to none any more."""

    place: str
    since: float | None
    leftovers: tuple[Version, ...]

    @property
    def leftover_passages(self) -> int:
        """How many passages nobody needs, at most."""
        return sum(version.passages for version in self.leftovers)


class Index:
    """The store of passages.

    Embedded, it holds a reader's lock on the data directory until `close()`: any number of processes may read at once,
    a sync waits for nobody and excludes everybody. On a Chroma server readers hold no lock, and see what others wrote
    within seconds.
    """

    def __init__(self, settings: Settings, embeddings: PassageEmbeddings) -> None:
        """Open the index, empty if it does not exist.

        Raises:
            IndexLockedError: another process is writing the embedded store.
        """
        self.embeddings = embeddings
        self._store = Store(settings)
        self._head = Head(self._store, self.collection_name)
        self._vectors = VectorCache(settings.data_dir, embeddings)
        self._lock = (
            DirectoryLock(settings.data_dir) if self._store.embedded else Lease(self._store, self.collection_name)
        )
        self._snapshot: Snapshot | None = None
        self._loading = threading.Lock()
        self._syncing = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._closed = threading.Event()

    def close(self) -> None:
        """Let go of the database and the lock. Once is enough, twice does no harm."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._watcher is not None:
            self._watcher.join()
        self._store.close()
        self._lock.close()

    @property
    def snapshot(self) -> Snapshot:
        """The current revision. Hold on to it for the time of an answer: meanwhile another one may become current.

        Only the first one is waited for. Later ones are read beside the answers and take over when they are complete.
        """
        found = self._snapshot
        if found is None:
            with self._loading:
                found = self._snapshot
                if found is None:
                    found = self._snapshot = self._read_current()
                    self._watch()
        return found

    @property
    def loaded(self) -> Snapshot | None:
        """The revision that is in memory, if there is one and the index is open. Reads nothing and waits for nobody."""
        return None if self._closed.is_set() else self._snapshot

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
        wanted = min(count, len(snapshot.passages))
        asked = wanted + _SPARE
        while wanted:
            try:
                found = self._store.query(
                    snapshot.origin.passages,
                    query_embeddings=[list(vector)],
                    n_results=asked,
                    where=filters.where(),
                    include=["distances"],
                )
            except MissingError:
                if snapshot is self._snapshot:
                    raise
                raise AssistantError("The articles have changed twice since this was asked. Ask again.") from None
            pairs = zip(found["ids"][0], (found["distances"] or [[]])[0], strict=True)
            rows = [(snapshot.row_of[key], 1.0 - distance) for key, distance in pairs if key in snapshot.row_of]
            # Passages of another revision, which is being written or not yet deleted, lie among these.
            if len(rows) >= wanted or len(found["ids"][0]) < asked:
                return rows[:wanted]
            asked *= 4
        return []

    def stored(self) -> Stored:
        """What there is besides the snapshot, for those who look inside."""
        if not self._store.exists() or self._head.state() is None:
            return Stored(self._store.place, None, ())
        return Stored(self._store.place, self._head.since(), tuple(self._head.leftovers().versions))

    def sync(self, corpus: Corpus, progress: Progress = lambda done, total: None) -> SyncReport:
        """Bring the index in step with the articles. What has not changed is not touched.

        An article that cannot be read any more keeps the version indexed before, if there is one. A damaged index is
        moved aside and built anew. `progress` is called with passages done and passages to do; those whose vectors are
        known take next to no time, and are not counted where others have to be embedded. 0 of 0: not yet counted.

        Raises:
            IndexLockedError: something is to be written and another process uses the data directory, or writes.
        """
        wanted = {article.id: article for article in corpus.articles}
        with self._syncing:
            try:
                return self._synced(wanted, corpus.problems, progress)
            except DamagedError as error:
                _LOG.warning("%s", error)
            with self._lock.writing():
                empty, notice = self._begun_anew()
                plan = _plan(wanted, corpus.problems, empty.versions)
                embedded = self._carried_out(plan, empty, wanted, progress)
            return plan.report(corpus.problems, embedded, notice)

    # -- syncing -------------------------------------------------------------------------------------------------

    def _synced(self, wanted: Mapping[str, Article], problems: dict[str, str], progress: Progress) -> SyncReport:
        current = self._checked()
        plan = _plan(wanted, problems, current.versions)
        if not plan.work:
            self._tidy_if_due(current)
            return plan.report(problems, 0)
        with self._lock.writing():
            current = self._head.read() if self._store.exists() else current  # another one may have written meanwhile
            plan = _plan(wanted, problems, current.versions)
            embedded = self._carried_out(plan, current, wanted, progress)
        return plan.report(problems, embedded)

    def _checked(self) -> Revision:
        """The current revision, after looking whether what it needs is there."""
        if not self._store.exists():
            return Revision(passages=f"{self.collection_name}-1")
        self._store.check_files()
        revision = self._head.read()
        expected = sum(version.passages for version in revision.versions.values())
        if not expected:
            return revision
        try:
            there = self._store.count(revision.passages)
            probe = next(version.ids[0] for version in revision.versions.values() if version.passages)
            found = self._store.get(revision.passages, ids=[probe], include=["embeddings"])
            answer = (
                self._store.query(revision.passages, query_embeddings=found["embeddings"][:1], n_results=1, include=[])[
                    "ids"
                ]
                if found["ids"]
                else []
            )
        except MissingError as error:
            raise DamagedError(str(error)) from None
        if there < expected or not answer or not answer[0]:
            raise DamagedError(
                f"The index in {self._store.place} is damaged ({there:,} of {expected:,} passages are there). "
                "Run `assistant sync`: it builds the index anew from the articles."
            )
        return revision

    def _begun_anew(self) -> tuple[Revision, str]:
        """An empty revision in place of a damaged one, and what to tell of it."""
        if self._store.embedded:
            aside = self._store.move_aside()
            notice = f"The index was damaged: it was built anew from the articles, and what was damaged is in {aside}."
            return Revision(passages=f"{self.collection_name}-1"), notice
        state = self._head.state()
        number = state[0] if state else 0
        name = f"{self.collection_name}-{number + 1}"
        old = [known for known in self._store.names() if re.fullmatch(rf"{re.escape(self.collection_name)}-\d+", known)]
        self._head.note(Leftovers(collections=dict.fromkeys((known for known in old if known != name), time.time())))
        self._store.drop(name)
        return Revision(number, name), "The index was damaged: it was built anew from the articles."

    def _carried_out(self, plan: "_Plan", current: Revision, wanted: Mapping[str, Article], progress: Progress) -> int:
        """Write what is new, make it current, tidy up. How many passages had to be embedded."""
        if plan.to_write:
            progress(0, 0)
        cut = {key: Part.of(wanted[key]) for key in plan.to_write}
        new = {key: Version(key, wanted[key].digest, len(part.starts)) for key, part in cut.items()}
        gone = {key: current.versions[key] for key in (*plan.changed, *plan.removed)}
        leftovers = self._head.leftovers().with_versions([*new.values(), *gone.values()], time.time())
        self._head.note(leftovers)
        self._store.make(current.passages)
        passages = PassageTable([part for part in cut.values() if len(part.starts)])
        embedded = self._written(current.passages, passages, progress)
        kept = {key: version for key, version in current.versions.items() if key not in gone}
        revision = Revision(current.number + 1, current.passages, {**kept, **new})
        self._lock.assure()
        self._head.switch(revision)
        revision = self._tidied(revision, leftovers)
        self._vectors.trim()
        self._advance(revision)
        return embedded

    def _written(self, name: str, passages: Sequence[Passage], progress: Progress) -> int:
        embedded = 0
        missing = self._vectors.missing(passages)
        total = missing or len(passages)
        if total:
            progress(0, total)
        for first in range(0, len(passages), _WRITE):
            portion = passages[first : first + _WRITE]
            made: list[tuple[Vectors, NDArray[np.int8]]] = []
            for at in range(0, len(portion), _BATCH):
                vectors, computed = self._vectors.embed(portion[at : at + _BATCH])
                made += vectors
                embedded += computed
                progress(min(embedded, total) if missing else first + len(made), total)
            self._store.upsert(
                name,
                ids=[passage.id for passage in portion],
                embeddings=[vector for vector, _ in made],
                documents=[passage.text for passage in portion],
                metadatas=[metadata(passage, rows) for passage, (_, rows) in zip(portion, made, strict=True)],
            )
        if embedded < missing:  # others have embedded some meanwhile
            progress(total, total)
        return embedded

    def _patience(self) -> float:
        """Seconds for which somebody may still search an earlier revision: nobody can who never had one."""
        return 0.0 if self._store.embedded and self._snapshot is None else revisions.GRACE

    def _tidy_if_due(self, revision: Revision) -> None:
        """Delete what is due, unless others are at work, to whom this can be left."""
        if not self._store.exists() or not revision.number:
            return
        leftovers = self._head.leftovers()
        since = [*leftovers.versions.values(), *leftovers.collections.values()]
        if not since or min(since) + self._patience() > time.time():
            return
        try:
            with self._lock.writing():
                self._advance(self._tidied(self._head.read(), self._head.leftovers()))
        except IndexLockedError:
            return

    def _tidied(self, revision: Revision, leftovers: Leftovers) -> Revision:
        """Delete what nobody can be searching any more; the revision as it then is, perhaps in another collection."""
        limit = time.time() - self._patience()
        current = set(revision.versions.values())
        rest = {version: since for version, since in leftovers.versions.items() if version not in current}
        due = [version for version, since in rest.items() if since <= limit]
        ids = [key for version in due for key in version.ids]
        for first in range(0, len(ids), _PAGE):
            self._store.delete(revision.passages, ids[first : first + _PAGE])
        others = {name: since for name, since in leftovers.collections.items() if name != revision.passages}
        for name in (name for name, since in others.items() if since <= limit):
            self._store.drop(name)
        left = Leftovers(
            {version: since for version, since in rest.items() if since > limit},
            {name: since for name, since in others.items() if since > limit},
            leftovers.deleted + len(ids),
        )
        self._head.note(left)
        self._head.forget_before(revision.number - (1 if self._patience() else 0))
        live = sum(version.passages for version in current)
        return self._compacted(revision, left) if left.deleted > max(_COMPACT, live) else revision

    def _compacted(self, revision: Revision, leftovers: Leftovers) -> Revision:
        """The same revision in a new collection: an HNSW index keeps what is deleted from it."""
        name, now = f"{self.collection_name}-{revision.number + 1}", time.time()
        # Whichever of the two will not be current is left over, wherever this is cut short.
        old = {**leftovers.collections, revision.passages: now}
        self._head.note(replace(leftovers, collections={**old, name: now}))
        self._store.drop(name)  # what a copying that was cut short may have left
        self._store.make(name)
        # The vectors come from where they are kept, not from Chroma, whose rounding of a length would add up.
        self._written(name, self._read(revision).passages, lambda done, total: None)
        moved = Revision(revision.number + 1, name, revision.versions)
        self._lock.assure()
        self._head.switch(moved)
        if not self._patience():
            self._store.drop(revision.passages)
            del old[revision.passages]
        self._head.note(Leftovers(collections=old))
        return moved

    # -- reading -------------------------------------------------------------------------------------------------

    @cached_property
    def collection_name(self) -> str:
        """One index for each embedding model, way of cutting passages and kind of record: they never mix."""
        model = re.sub(r"[^a-z0-9]+", "-", self.embeddings.name.lower()).strip("-")
        suffix = hashlib.sha256(self.embeddings.name.encode()).hexdigest()[:8]
        return f"passages-{model[:40]}-{suffix}-v{PASSAGE_VERSION}.{RECORD_VERSION}"

    def _read_current(self) -> Snapshot:
        """The current revision's snapshot, with what the one before has of it."""
        for attempt in range(3):
            revision = self._head.read() if self._store.exists() else Revision(passages=f"{self.collection_name}-1")
            try:
                return self._read(revision)
            except (DamagedError, MissingError):
                # What was read of an old revision may have been deleted in between.
                if attempt == 2 or self._head.state() == (revision.number, revision.name):
                    raise
        raise AssertionError("unreachable")

    def _read(self, revision: Revision) -> Snapshot:
        old = self._snapshot
        known = old.origin.versions if old else {}
        parts: dict[str, Part] = {}
        missing = []
        for key, version in revision.versions.items():
            if old and known.get(key) == version and key in old.articles:
                parts[key] = old.part(key)
            elif version.passages:
                missing.append(version)
        for version, passages in self._passages(revision.passages, missing):
            parts[version.article_id] = part_of(passages)
        snapshot = Snapshot(revision, parts)
        del parts
        give_back()
        return snapshot

    def _passages(
        self, name: str, versions: Sequence[Version]
    ) -> Iterator[tuple[Version, list[tuple[Mapping[str, Any], str]]]]:
        """The stored passages of each version, read in pages."""
        at = 0
        while at < len(versions):
            page: list[Version] = []
            size = 0
            while at < len(versions) and (not page or size + versions[at].passages <= _PAGE):
                page.append(versions[at])
                size += versions[at].passages
                at += 1
            ids = [key for version in page for key in version.ids]
            found: dict[str, tuple[Mapping[str, Any], str]] = {}
            for first in range(0, len(ids), _PAGE):
                read = self._store.get(name, ids=ids[first : first + _PAGE], include=["metadatas", "documents"])
                texts = [text or "" for text in read["documents"]]
                found |= dict(zip(read["ids"], zip(read["metadatas"], texts, strict=True), strict=True))
            if len(found) < len(ids):
                raise DamagedError(
                    f"The index in {self._store.place} is damaged ({len(ids) - len(found)} passages are missing). "
                    "Run `assistant sync`: it builds the index anew from the articles."
                )
            for version in page:
                yield version, [found[key] for key in version.ids]

    def _advance(self, revision: Revision) -> None:
        """Make a revision's snapshot the current one, if there is one at all and it is older."""
        with self._loading:
            if self._snapshot is not None and self._snapshot.origin.number != revision.number:
                self._snapshot = self._read(revision).warmed()

    def _watch(self) -> None:
        """From now on keep up with what others write to a server."""
        if not self._store.embedded:
            self._watcher = threading.Thread(target=self._keep_up, name="index-watcher", daemon=True)
            self._watcher.start()

    def _keep_up(self) -> None:
        failing = False
        while not self._closed.wait(_POLL):
            try:
                state = self._head.state()
                with self._loading:
                    if state and self._snapshot and state[0] != self._snapshot.origin.number:
                        self._snapshot = self._read_current().warmed()
                failing = False
            except AssistantError as error:
                if not failing:
                    _LOG.warning("the index cannot be followed, answers come from the revision in memory: %s", error)
                failing = True


@dataclass(frozen=True)
class _Plan:
    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: list[str]

    @property
    def to_write(self) -> list[str]:
        return [*self.added, *self.changed]

    @property
    def work(self) -> bool:
        return bool(self.to_write or self.removed)

    def report(self, problems: dict[str, str], embedded: int, notice: str = "") -> SyncReport:
        return SyncReport(
            tuple(self.added),
            tuple(self.changed),
            tuple(self.removed),
            tuple(self.unchanged),
            problems,
            embedded,
            notice,
        )


def _plan(wanted: Mapping[str, Article], problems: Mapping[str, str], stored: Mapping[str, Version]) -> _Plan:
    same = {key for key, article in wanted.items() if key in stored and stored[key].digest == article.digest}
    return _Plan(
        added=[key for key in wanted if key not in stored],
        changed=[key for key in wanted if key in stored and key not in same],
        removed=[key for key in stored if key not in wanted and key not in problems],
        unchanged=[key for key in wanted if key in same],
    )
