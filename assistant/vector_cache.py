"""Vectors by the text that they were computed from: what was embedded once is not embedded again.

Renaming, moving or adding an article again, correcting its date, another version of the collection, an index built anew
or a sync that was stopped: the text given to the model is the same, so its vectors are. Sentences' vectors are pooled
from their passage's pass through the model, so they are kept with it.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.database import opened
from assistant.embeddings import PassageEmbeddings, Vectors, text_given
from assistant.errors import AssistantError
from assistant.passages import Passage
from assistant.records import packed

FILE = "vectors.sqlite3"
#: Bytes of vectors kept; beyond that those go which were needed longest ago. About 300,000 passages of 384 dimensions.
LIMIT = 1_000_000_000
_TABLES = """CREATE TABLE IF NOT EXISTS vectors (
    key BLOB PRIMARY KEY, passage BLOB NOT NULL, sentences BLOB NOT NULL, used REAL NOT NULL
) WITHOUT ROWID; CREATE INDEX IF NOT EXISTS vectors_used ON vectors (used);"""
_Made = tuple[Vectors, NDArray[np.int8]]

_WHAT = "The vectors computed before"


class VectorCache:
    """Embeds passages, and looks first whether that was done before."""

    def __init__(self, folder: Path, embeddings: PassageEmbeddings) -> None:
        """The file is made in `folder` when there is something to keep."""
        self.path = folder / FILE
        self._embeddings = embeddings

    def embed(self, passages: Sequence[Passage]) -> tuple[list[_Made], int]:
        """Each passage's vector and its sentences' as 8-bit integers, and how many passages had to be embedded.

        Raises:
            AssistantError: the file cannot be read or written.
        """
        keys = [self._key(passage) for passage in passages]
        found = self._read(keys)
        missing = {key: passage for key, passage in zip(keys, passages, strict=True) if key not in found}
        made = self._embeddings.embed_passages(list(missing.values()))
        new = {key: (vector, packed(rows)) for key, (vector, rows) in zip(missing, made, strict=True)}
        self._write(new)
        found |= new
        return [found[key] for key in keys], len(new)

    def missing(self, passages: Sequence[Passage]) -> int:
        """How many passages would have to be embedded, those with the same text and title counted once.

        Raises:
            AssistantError: the file cannot be read.
        """
        keys = {self._key(passage) for passage in passages}
        if not self.path.exists():
            return len(keys)
        with self._opened() as database:
            return sum(not database.execute("SELECT 1 FROM vectors WHERE key = ?", (key,)).fetchone() for key in keys)

    def trim(self) -> None:
        """Let go of what was needed longest ago, where more is kept than `LIMIT`."""
        if not self.path.exists() or self.path.stat().st_size <= LIMIT:
            return
        with self._opened() as database:
            row = "length(key) + length(passage) + length(sentences) + 16"
            (total,) = database.execute(f"SELECT coalesce(sum({row}), 0) FROM vectors").fetchone()
            spare = total - int(LIMIT * 0.8)
            if spare > 0:
                database.execute(
                    f"DELETE FROM vectors WHERE key IN (SELECT key FROM (SELECT key, sum({row}) OVER "
                    "(ORDER BY used, key) AS upto FROM vectors) WHERE upto <= ?)",
                    (spare,),
                )
        with opened(self.path, "", _WHAT) as database:
            database.execute("VACUUM")

    def _key(self, passage: Passage) -> bytes:
        spans = [(span.start - passage.start, span.end - passage.start) for span in passage.sentences]
        given = f"{self._embeddings.name}\0{spans}\0{text_given(passage)}"
        return hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, _Made]:
        if not self.path.exists():
            return {}
        found: dict[bytes, _Made] = {}
        with self._opened() as database:
            for key in dict.fromkeys(keys):
                row = database.execute("SELECT passage, sentences FROM vectors WHERE key = ?", (key,))
                for vector, rows in row:
                    found[key] = _of_bytes(vector, rows)
            database.executemany("UPDATE vectors SET used = ? WHERE key = ?", [(time.time(), key) for key in found])
        return found

    def _write(self, new: dict[bytes, _Made]) -> None:
        if not new:
            return
        with self._opened() as database:
            database.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)",
                [
                    (key, vector.astype(np.float32).tobytes(), rows.tobytes(), time.time())
                    for key, (vector, rows) in new.items()
                ],
            )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A file that is no database any more is moved aside: what was in it can be computed again."""
        try:
            with opened(self.path, "SELECT count(*) FROM sqlite_master", _WHAT):
                pass
        except AssistantError as error:
            # Full disks and locks are operational; a malformed file is not.
            if type(error.__context__) is not sqlite3.DatabaseError:
                raise
            self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            for rest in ("-wal", "-shm"):
                self.path.with_name(self.path.name + rest).unlink(missing_ok=True)
        with opened(self.path, _TABLES, _WHAT) as database:
            yield database


def _of_bytes(vector: bytes, rows: bytes) -> _Made:
    read = np.frombuffer(vector, np.float32)
    return read, np.frombuffer(rows, np.int8).reshape(-1, len(read))
