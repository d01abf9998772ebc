"""Which versions of which articles make a revision, written so that a revision becomes current whole or not at all.

Passages of several revisions lie side by side in one collection: a passage's id holds its article's digest. What
belongs together is told by the *head*, a small collection beside it. Its records list the versions of a revision; its
metadata names the current revision and is replaced in one step. So a reader sees the old revision or the new one, never
a mixture.

What no revision has any more stays a while for those who still answer from an older one (`GRACE`), and is known as a
leftover meanwhile. A version is noted as a leftover before the first of its passages is written, so that a sync which
was cut short leaves nothing that is not known of.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from assistant.store import DamagedError, MissingError, Store

#: Seconds for which the passages of an earlier revision can still be searched.
GRACE = 600.0
_PART = 2000  # versions listed in one record
_NOWHERE = [[1.0]]  # the vector of a record that nobody searches for
_LEFTOVERS = "leftovers"


@dataclass(frozen=True, slots=True)
class Version:
    """An article as it once stood, and how many passages it has."""

    article_id: str
    digest: str
    passages: int

    @property
    def ids(self) -> list[str]:
        """The ids of its passages, see `Passage.id`."""
        return [f"{self.article_id}@{self.digest[:16]}#{ordinal:05d}" for ordinal in range(self.passages)]


@dataclass(frozen=True)
class Revision:
    """All versions that are current together, by article id, and the collection that has their passages."""

    number: int = 0  # counts the revisions
    passages: str = ""
    versions: Mapping[str, Version] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The same articles have the same."""
        pairs = sorted((version.article_id, version.digest) for version in self.versions.values())
        return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Leftovers:
    """What is stored and belongs to no current revision, with the second since when; and how much was deleted."""

    versions: Mapping[Version, float] = field(default_factory=dict)
    collections: Mapping[str, float] = field(default_factory=dict)
    deleted: int = 0  # passages deleted from the current collection since it was made

    def with_versions(self, versions: Iterable[Version], now: float) -> "Leftovers":
        """These too; one that is known already counts from now on."""
        return replace(self, versions={**self.versions, **dict.fromkeys(versions, now)})


class Head:
    """The head of one index: what is current."""

    def __init__(self, store: Store, name: str) -> None:
        """`name` is that of the index; its collections begin with it."""
        self._store = store
        self._name = name

    def state(self) -> tuple[int, str] | None:
        """Number and name of the current revision; None where nothing was ever synced. One short call."""
        found = self._store.metadata(self._name)
        return (int(found["number"]), str(found["revision"])) if found and "number" in found else None

    def since(self) -> float | None:
        """The second at which the current revision became current."""
        found = self._store.metadata(self._name)
        return float(found["since"]) if found and "since" in found else None

    def read(self) -> Revision:
        """The current revision, empty where nothing was ever synced.

        Raises:
            DamagedError: it is not there whole.
        """
        for _ in range(5):  # what is read in several steps can be replaced in between, but not again and again
            found = self._store.metadata(self._name)
            if not found or "number" not in found:
                return Revision(passages=f"{self._name}-1")
            number, parts = int(found["number"]), int(found["parts"])
            ids = [_part_id(number, part) for part in range(parts)]
            records = self._store.get(self._name, ids=ids, include=["metadatas"]) if ids else {"metadatas": []}
            if len(records["metadatas"]) == parts:
                listed = [Version(*entry) for meta in records["metadatas"] for entry in json.loads(meta["record"])]
                return Revision(number, str(found["passages"]), {version.article_id: version for version in listed})
            time.sleep(0.05)
        raise DamagedError(
            f"The index in {self._store.place} is damaged (revision {number} is not there whole). "
            "Run `assistant sync`: it builds the index anew from the articles."
        )

    def leftovers(self) -> Leftovers:
        """What is stored besides the current revision."""
        try:
            found = self._store.get(self._name, ids=[_LEFTOVERS], include=["metadatas"])["metadatas"]
        except MissingError:
            return Leftovers()
        if not found:
            return Leftovers()
        said = json.loads(found[0]["record"])
        versions = {Version(*entry): since for *entry, since in said["versions"]}
        return Leftovers(versions, said["collections"], said["deleted"])

    def note(self, leftovers: Leftovers) -> None:
        """Write down what is stored, or is about to be, besides the current revision."""
        self._store.make(self._name)
        versions = [[v.article_id, v.digest, v.passages, since] for v, since in leftovers.versions.items()]
        said = {"versions": versions, "collections": dict(leftovers.collections), "deleted": leftovers.deleted}
        self._write({_LEFTOVERS: json.dumps(said)})

    def switch(self, revision: Revision) -> None:
        """Make a revision the current one; its passages are there."""
        self._store.make(self._name)
        listed = [[v.article_id, v.digest, v.passages] for v in revision.versions.values()]
        parts = [listed[first : first + _PART] for first in range(0, len(listed), _PART)]
        self._write({_part_id(revision.number, n): json.dumps(part) for n, part in enumerate(parts)})
        self._store.modify(
            self._name,
            {
                "number": revision.number,
                "revision": revision.name,
                "passages": revision.passages,
                "parts": len(parts),
                "since": time.time(),
            },
        )

    def forget_before(self, number: int) -> None:
        """Delete the lists of revisions before this number."""
        known = self._store.get(self._name, include=[])["ids"]
        if old := [key for key in known if key != _LEFTOVERS and int(key.split("/")[0]) < number]:
            self._store.delete(self._name, old)

    def _write(self, records: Mapping[str, str]) -> None:
        for key, text in records.items():
            self._store.upsert(self._name, ids=[key], embeddings=_NOWHERE, metadatas=[{"record": text}])


def _part_id(number: int, part: int) -> str:
    return f"{number:08d}/{part:04d}"
