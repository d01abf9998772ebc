"""What Slack asked and is not done yet, in SQLite: each thing once, through restarts and in any number of processes.

A job is written down before Slack is told that it arrived. Whoever takes it holds it for a while and says so again as
long as the work goes on; when a process dies, its jobs are free again once that while is over. What is done is deleted
with its text; only its keys stay for two days, so that what Slack delivers again is known.
"""

import sqlite3
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from assistant.database import opened
from assistant.slack.jobs import Job, Kind, Received

#: In the data directory.
SLACK_FILE = "slack.sqlite3"

#: Slack delivers an event again for up to a day.
SEEN_SECONDS = 2 * 24 * 3600

# secure_delete: what is deleted is overwritten, for it is what somebody wrote.
_TABLES = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS pending (
    id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL,
    ts TEXT NOT NULL, job TEXT NOT NULL, due REAL NOT NULL, held_until REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, sending INTEGER NOT NULL DEFAULT 0
);
"""


@dataclass(frozen=True)
class Taken:
    """A job in the hands of one worker."""

    id: int
    job: Job
    attempt: int
    """Counted from 1: from the second on, an earlier one may have got as far as Slack."""
    sending: bool
    """Whether an earlier attempt ended while it was sending what cannot be looked up in Slack."""


class Inbox:
    """The jobs in one file. Safe to use from any number of threads and processes."""

    def __init__(self, path: Path, hold: float = 15.0) -> None:
        """`hold` is how long a job stays with a worker that says nothing more, in seconds."""
        self._path = path
        self.hold = hold

    def add(self, received: Received) -> bool:
        """Write a job down; False, and nothing written, when it is known already or follows on none of ours.

        Raises:
            AssistantError: the file cannot be written, so that Slack must deliver it again.
        """
        now = time.time()
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("DELETE FROM seen WHERE at < ?", (now - SEEN_SECONDS,))
            if (
                received.follows
                and not database.execute("SELECT 1 FROM seen WHERE key = ?", (received.follows,)).fetchone()
            ):
                return False
            marks = ",".join("?" * len(received.keys))
            known = database.execute(f"SELECT 1 FROM seen WHERE key IN ({marks})", received.keys).fetchone()
            # The other keys count from now on too: one message can come as two events, and each of them twice.
            database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", [(key, now) for key in received.keys])
            if known:
                return False
            job = received.job
            if job.kind is Kind.DELETION:
                # A question taken back before anybody has begun with it need not be answered.
                database.execute(
                    "DELETE FROM pending WHERE channel = ? AND ts = ? AND attempts = 0", (job.channel, job.ts)
                )
            database.execute(
                "INSERT INTO pending (lane, kind, channel, ts, job, due) VALUES (?, ?, ?, ?, ?, ?)",
                (received.lane, job.kind, job.channel, job.ts, job.model_dump_json(), now),
            )
        return True

    def take(self) -> Taken | None:
        """The next job that is due and that nobody holds, first come first served; in each lane one at a time."""
        now = time.time()
        with self._open() as database:
            row = database.execute(
                """UPDATE pending SET attempts = attempts + 1, held_until = ? WHERE id = (
                    SELECT id FROM pending AS one WHERE due <= ? AND held_until <= ? AND NOT EXISTS (
                        SELECT 1 FROM pending AS other WHERE other.lane = one.lane AND other.id < one.id
                    ) ORDER BY id LIMIT 1
                ) RETURNING id, job, attempts, sending""",
                (now + self.hold, now, now),
            ).fetchone()
        if row is None:
            return None
        number, job, attempts, sending = row
        return Taken(number, Job.model_validate_json(job), attempts, bool(sending))

    def keep(self, taken: Taken) -> bool:
        """Hold the job on; False when another worker has taken it meanwhile, because this one was silent too long."""
        with self._open() as database:
            changed = database.execute(
                "UPDATE pending SET held_until = ? WHERE id = ? AND attempts = ?",
                (time.time() + self.hold, taken.id, taken.attempt),
            )
            return changed.rowcount == 1

    def sending(self, taken: Taken, begun: bool) -> None:
        """Note that something is being sent that cannot be looked up in Slack afterwards, or that Slack refused it."""
        with self._open() as database:
            database.execute("UPDATE pending SET sending = ? WHERE id = ?", (begun, taken.id))

    def done(self, taken: Taken) -> None:
        """Forget the job and its text."""
        with self._open() as database:
            database.execute("DELETE FROM pending WHERE id = ? AND attempts = ?", (taken.id, taken.attempt))

    def later(self, taken: Taken, seconds: float) -> None:
        """Give the job back, to be tried again."""
        with self._open() as database:
            database.execute(
                "UPDATE pending SET due = ?, held_until = 0 WHERE id = ? AND attempts = ?",
                (time.time() + seconds, taken.id, taken.attempt),
            )

    def waiting(self) -> int:
        """How many jobs are not done."""
        with self._open() as database:
            return int(database.execute("SELECT count(*) FROM pending").fetchone()[0])

    def _open(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._path, _TABLES, "Slack's questions")
