"""The answers given in Slack, kept for a week: for the buttons below them, and for when their question is edited."""

import sqlite3
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from assistant.answer import Answer, Frozen
from assistant.database import opened

#: How long the buttons below an answer work, in seconds.
KEPT_SECONDS = 7 * 24 * 3600

_TABLES = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS answers (
    id TEXT PRIMARY KEY, channel TEXT NOT NULL, ts TEXT NOT NULL, kept TEXT NOT NULL, until REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS answers_by_message ON answers (channel, ts);
"""


class Kept(Frozen):
    """An answer with what is needed to show it again."""

    answer: Answer
    question: str
    channel: str
    ts: str = ""
    """The message that asked; empty for a slash command."""
    thread: str = ""
    user: str = ""
    direct: bool = False
    posted: str = ""
    """Our message; empty while it is not posted, and for an answer that only its asker sees."""
    helpful: bool | None = None
    handed: bool = False

    @property
    def key(self) -> str:
        """What our message is marked with."""
        return f"{self.channel}:{self.ts}"


class KeptAnswers:
    """The answers in one file. Safe to use from any number of threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, kept: Kept) -> None:
        """Keep an answer, instead of another to the same message."""
        now = time.time()
        with self._open() as database:
            database.execute("DELETE FROM answers WHERE until < ?", (now,))
            if kept.ts:
                database.execute("DELETE FROM answers WHERE channel = ? AND ts = ?", (kept.channel, kept.ts))
            database.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)",
                (kept.answer.id, kept.channel, kept.ts, kept.model_dump_json(), now + KEPT_SECONDS),
            )

    def get(self, answer_id: str) -> Kept | None:
        """The answer of this id, if it is kept still."""
        return self._one("id = ?", answer_id)

    def to(self, channel: str, ts: str) -> Kept | None:
        """The answer to this message, if it is kept still."""
        return self._one("channel = ? AND ts = ?", channel, ts)

    def change(self, kept: Kept, **fields: Any) -> Kept:
        """Keep it with other fields, for as long as before."""
        changed = kept.model_copy(update=fields)
        with self._open() as database:
            database.execute("UPDATE answers SET kept = ? WHERE id = ?", (changed.model_dump_json(), changed.answer.id))
        return changed

    def forget(self, kept: Kept) -> None:
        """Delete it."""
        with self._open() as database:
            database.execute("DELETE FROM answers WHERE id = ?", (kept.answer.id,))

    def _one(self, where: str, *values: str) -> Kept | None:
        with self._open() as database:
            row = database.execute(
                f"SELECT kept FROM answers WHERE {where} AND until >= ?", (*values, time.time())
            ).fetchone()
        return Kept.model_validate_json(row[0]) if row else None

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path, _TABLES, "The answers given in Slack")
