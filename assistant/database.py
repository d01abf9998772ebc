"""A SQLite file of ours: opened for one piece of work, safe for any number of threads and processes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from assistant.errors import AssistantError


@contextmanager
def opened(path: Path, tables: str, what: str) -> Iterator[sqlite3.Connection]:
    """One transaction on the file, which is made when it is not there; committed unless an error leaves it.

    `tables` are the statements that make the tables (`CREATE TABLE IF NOT EXISTS …`), `what` names the content for the
    error message. To read and then write without anybody in between, begin with `BEGIN IMMEDIATE`.

    Raises:
        AssistantError: the file cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=10)) as database, database:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(tables)
            yield database
    except (OSError, sqlite3.Error) as error:
        raise AssistantError(f"{what} in {path} cannot be used: {error}") from None
