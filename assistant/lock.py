"""The lock on the data directory: any number of processes read, or one writes."""

import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from filelock import ReadWriteLock, Timeout

from assistant.errors import AssistantError, IndexLockedError


class DirectoryLock:
    """A reader's lock from the beginning until `close()`, turned into the writer's by `writing()`."""

    def __init__(self, folder: Path) -> None:
        """Take the reader's lock; the folder is made if it is not there.

        Raises:
            AssistantError: the folder cannot be used.
            IndexLockedError: another process is writing.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = ReadWriteLock(folder / "lock.db", is_singleton=False)
        except OSError as error:
            raise AssistantError(f"The data directory {folder} cannot be used: {error.strerror}.") from None
        # The lock wants to be released by the thread that took it, while any thread may write or close.
        self._thread = ThreadPoolExecutor(1, "index-lock")
        self._read()

    def close(self) -> None:
        """Let go of it."""
        self._thread.submit(self._lock.close).result()
        self._thread.shutdown()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Exclude every other process meanwhile.

        Raises:
            IndexLockedError: another process reads or writes.
        """
        self._thread.submit(self._lock.release).result()
        try:
            try:
                self._thread.submit(self._lock.acquire_write, timeout=1).result()
            except Timeout:
                raise IndexLockedError(
                    self._locked("is in use by another process, such as `assistant serve`")
                ) from None
            (self._folder / "writer.json").write_text(
                json.dumps({"pid": os.getpid(), "command": " ".join(sys.argv[:2]), "since": time.strftime("%F %T")})
            )
            try:
                yield
            finally:
                (self._folder / "writer.json").unlink(missing_ok=True)
                self._thread.submit(self._lock.release).result()
        finally:
            self._read()

    def _read(self) -> None:
        try:
            self._thread.submit(self._lock.acquire_read, timeout=5).result()
        except Timeout:
            raise IndexLockedError(self._locked("is being written by another process")) from None

    def _locked(self, state: str) -> str:
        try:
            owner = json.loads((self._folder / "writer.json").read_text())
            who = f" (process {owner['pid']}, {owner['command']}, since {owner['since']})"
        except (OSError, ValueError, KeyError):
            who = ""
        return (
            f"The data directory {self._folder} {state}{who}. "
            "Wait for it or stop it, or set ASSISTANT_DATA_DIR to another folder."
        )
