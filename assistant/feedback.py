"""What readers said of answers, kept in SQLite with the answer and its passages; nothing about who said it."""

import sqlite3
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from assistant.answer import Answer, Frozen, Turn
from assistant.database import opened
from assistant.telemetry.metrics import metrics

#: In the data directory.
FEEDBACK_FILE = "feedback.sqlite3"

_TABLE = """CREATE TABLE IF NOT EXISTS feedback (
    answer_id TEXT PRIMARY KEY, given TEXT NOT NULL, helpful INTEGER NOT NULL, reason TEXT, feedback TEXT NOT NULL
)"""


class Reason(StrEnum):
    """What was not good about an answer."""

    WRONG = "wrong"
    NOT_SUPPORTED = "not_supported"
    WRONG_SOURCE = "wrong_source"
    MISSING = "missing"
    OTHER = "other"


class Feedback(Frozen):
    """One reader's word on one answer."""

    question: str = Field(max_length=20_000)
    history: tuple[Turn, ...] = Field((), max_length=100, description="The conversation before it, oldest first")
    answer: Answer
    helpful: bool
    reason: Reason | None = None
    comment: str = Field("", max_length=2_000)
    given: datetime = Field(default_factory=lambda: datetime.now(UTC))


class FeedbackStore:
    """The feedback in one file. Safe to use from any number of threads and processes."""

    def __init__(self, path: Path) -> None:
        """`path` is the SQLite file; it is made with the first feedback."""
        self._path = path

    def add(self, feedback: Feedback) -> None:
        """Keep it. Whoever says something else of the same answer later has changed their mind: the last word stays.

        Raises:
            AssistantError: the file cannot be written.
        """
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?, ?)",
                (
                    feedback.answer.id,
                    feedback.given.isoformat(),
                    feedback.helpful,
                    feedback.reason,
                    feedback.model_dump_json(),
                ),
            )
        metrics().feedback.labels("yes" if feedback.helpful else "no").inc()

    def all(self) -> list[Feedback]:
        """Everything that was said, oldest first; nothing where nothing has been said yet.

        Raises:
            AssistantError: the file cannot be read.
        """
        if not self._path.exists():
            return []
        with self._open() as database:
            rows = database.execute("SELECT feedback FROM feedback ORDER BY given, answer_id").fetchall()
        return [Feedback.model_validate_json(text) for (text,) in rows]

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path, _TABLE, "The feedback")
