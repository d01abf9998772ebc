"""The answers of the last hour, and which request each was for: a request sent again gets the answer that it got.

The rules are those of draft-ietf-httpapi-idempotency-key-header: an id belongs to one question, and used for another it
is refused. Who computes holds a lease; while it runs, the same request waits here.
"""

import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from assistant.answer import Answer
from assistant.chain import Question
from assistant.database import opened
from assistant.errors import AssistantError, QuestionError

_LOG = logging.getLogger(__name__)

#: In the data directory, which the processes of one deployment share.
REQUESTS_FILE = "requests.sqlite3"
#: Seconds for which a request's answer is given again, and for which an answer is known by its id.
REPEATED, KNOWN = 600.0, 3600.0
_LOOK = 0.15  # seconds between looks at what another one computes
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, question TEXT NOT NULL, answer TEXT NOT NULL, until REAL);
CREATE TABLE IF NOT EXISTS requests (key TEXT PRIMARY KEY, asked TEXT NOT NULL, owner TEXT, answer TEXT, until REAL);
CREATE INDEX IF NOT EXISTS answers_until ON answers (until);
CREATE INDEX IF NOT EXISTS requests_until ON requests (until);
"""

Compute = Callable[[], Generator[Answer, None, None]]


class RecentAnswers:
    """The answers in one file. Safe to use from any number of threads and processes."""

    def __init__(self, path: Path, lease: float) -> None:
        """`path` is the SQLite file; `lease` are the seconds after which nobody waits for one who computes."""
        self._path = path
        self._lease = lease
        self._held: sqlite3.Connection | None = None

    def find(self, answer_id: str) -> tuple[Question, Answer] | None:
        """The answer of that id with its question, where it is of the last hour.

        Raises:
            AssistantError: the file cannot be read.
        """
        with self._open() as database:
            row = database.execute(
                "SELECT question, answer FROM answers WHERE id = ? AND until > ?", (answer_id, time.time())
            ).fetchone()
        return (Question.model_validate_json(row[0]), Answer.model_validate_json(row[1])) if row else None

    def ask(self, question: Question, request: str | None, compute: Compute) -> Iterator[Answer | None]:
        """Growing answers, the last one complete; None while another one computes the answer to the same request.

        `request` names the client and its request; without one the question is simply answered.

        Raises:
            QuestionError: the request was one for another question.
            AssistantError: what `compute` raises, of which nothing is kept; or the file cannot be used.
        """
        if request is None:
            yield from self._computed(question, compute)
            return
        key, asked = _digest(request), _digest(question.model_dump_json())
        owner = uuid4().hex
        while (known := self._claim(key, asked, owner)) is None:
            yield None
            time.sleep(_LOOK)
        if isinstance(known, Answer):
            yield known
            return
        answer = None
        try:
            with closing(compute()) as growing:
                for answer in growing:
                    yield answer
            if answer is not None:
                kept = self._finish(key, asked, owner, question, answer)
                if kept.id != answer.id:
                    yield kept
        finally:
            self._release(key, owner)  # nothing to release once it is finished

    def _computed(self, question: Question, compute: Compute) -> Iterator[Answer]:
        answer = None
        with closing(compute()) as growing:
            for answer in growing:
                yield answer
        if answer is not None:
            try:
                with self._open() as database:
                    database.execute("BEGIN IMMEDIATE")
                    _clean(database)
                    _keep(database, question, answer)
            except AssistantError as error:
                _LOG.warning("an answer cannot be remembered for feedback: %s", error)

    def _claim(self, key: str, asked: str, owner: str) -> Answer | bool | None:
        """True where `owner` is to compute it, the answer where there is one, None where another one computes it."""
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            _clean(database)
            row = database.execute("SELECT asked, answer FROM requests WHERE key = ?", (key,)).fetchone()
            if row is None:
                until = time.time() + self._lease
                database.execute("INSERT INTO requests VALUES (?, ?, ?, NULL, ?)", (key, asked, owner, until))
                return True
            if row[0] != asked:
                raise QuestionError(
                    "This request_id was used for another question in the last ten minutes. Take a new one for every "
                    "question, and the same only to send a question again."
                )
            return _stored(database, row[1]) if row[1] else None

    def _finish(self, key: str, asked: str, owner: str, question: Question, answer: Answer) -> Answer:
        """Keep the answer, unless the lease ran out and another one was quicker: then theirs is the answer."""
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            row = database.execute(
                "SELECT answer FROM requests WHERE key = ? AND asked = ? AND owner != ?", (key, asked, owner)
            ).fetchone()
            if row and row[0]:
                return _stored(database, row[0])
            _keep(database, question, answer)
            until = time.time() + REPEATED
            database.execute(
                "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?)", (key, asked, owner, answer.id, until)
            )
        return answer

    def _release(self, key: str, owner: str) -> None:
        with self._open() as database:
            database.execute("DELETE FROM requests WHERE key = ? AND owner = ? AND answer IS NULL", (key, owner))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with opened(self._path, _TABLES, "The recent answers") as database:
            # Waiting for the disk with every answer would cost more than a power cut can: what was computed just then.
            database.execute("PRAGMA synchronous=NORMAL")
            if self._held is None:  # the last one to close the file writes all of it: that is never one of ours
                self._held = sqlite3.connect(self._path, check_same_thread=False)
                self._held.execute("SELECT 1 FROM answers").fetchone()
            yield database


def _clean(database: sqlite3.Connection) -> None:
    now = time.time()
    database.execute("DELETE FROM requests WHERE until <= ?", (now,))
    database.execute("DELETE FROM answers WHERE until <= ?", (now,))


def _keep(database: sqlite3.Connection, question: Question, answer: Answer) -> None:
    row = (answer.id, question.model_dump_json(), answer.model_dump_json(), time.time() + KNOWN)
    database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)


def _stored(database: sqlite3.Connection, answer_id: str) -> Answer:
    (text,) = database.execute("SELECT answer FROM answers WHERE id = ?", (answer_id,)).fetchone()
    return Answer.model_validate_json(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
