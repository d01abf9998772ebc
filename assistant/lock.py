"""Who may write the index: one process at a time, and others are told which one and since when.

An embedded store is locked with its directory: any number of processes read, or one writes, since two processes cannot
share the files otherwise. A Chroma server's readers need no lock; its writers, on any machine, pass a lease round.
"""

import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import ReadWriteLock, Timeout

from assistant.errors import AssistantError, IndexLockedError
from assistant.processes import lives
from assistant.store import Store

_LOG = logging.getLogger(__name__)
_BEAT = 5.0  # seconds between two signs of life of the one who writes
_HELD: set[str] = set()  # the leases that this process has
_DEAD = 60.0  # seconds without one, after which another may write; the machines' clocks agree better than that


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
            try:
                (self._folder / "writer.json").write_text(json.dumps(_signature()))
                yield
            finally:
                (self._folder / "writer.json").unlink(missing_ok=True)
                self._thread.submit(self._lock.release).result()
        finally:
            self._read()

    def assure(self) -> None:
        """The directory stays locked; nothing can take it away."""

    def _read(self) -> None:
        try:
            self._thread.submit(self._lock.acquire_read, timeout=5).result()
        except Timeout:
            raise IndexLockedError(self._locked("is being written by another process")) from None

    def _locked(self, state: str) -> str:
        try:
            who = f" ({_told(json.loads((self._folder / 'writer.json').read_text()))})"
        except (OSError, ValueError, KeyError):
            who = ""
        return (
            f"The data directory {self._folder} {state}{who}. "
            "Wait for it or stop it, or set ASSISTANT_DATA_DIR to another folder."
        )


class Lease:
    """The right to write to a Chroma server, as a collection: of all who try to make it, one can.

    The one who has it gives signs of life; when they stop, or its process on this machine is gone, the next one takes
    it.
    """

    def __init__(self, store: Store, name: str) -> None:
        """`name` is the index's."""
        self._store = store
        self._name = f"{name}-writer"
        self._token = ""
        self._lost = threading.Event()

    def close(self) -> None:
        """Nothing is held beyond `writing`."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer meanwhile.

        Raises:
            IndexLockedError: another process writes.
        """
        mine = {**_signature(), "token": uuid4().hex, "beat": time.time()}
        self._token = str(mine["token"])
        self._lost.clear()
        _HELD.add(self._token)
        try:
            self._take(mine)
            with self._beating(mine):
                yield
            if self._held():
                self._store.drop(self._name)
        except BaseException:
            with suppress(AssistantError):  # what went wrong is to be told, not that the lease is left to go stale
                if self._held():
                    self._store.drop(self._name)
            raise
        finally:
            _HELD.discard(self._token)

    def assure(self) -> None:
        """To be asked before what is written is made current.

        Raises:
            IndexLockedError: another process has taken the lease, because this one was silent for too long.
        """
        if self._lost.is_set() or not self._held():
            raise IndexLockedError(
                f"Another process took over writing the index at {self._store.place}, because this one was silent for "
                f"more than {_DEAD:.0f} seconds. Nothing is lost: sync again."
            )

    def _take(self, mine: Mapping[str, Any]) -> None:
        for _ in range(3):
            self._store.claim(self._name, mine)
            # Looked at, not believed: of two who found the same stale lease, the later one has deleted the earlier
            # one's; and a call that was made again after a lost connection finds what the first one made.
            if self._held():
                return
            owner = self._store.metadata(self._name, writing=True)
            if owner is None:
                continue  # let go of in between
            if not _gone(owner):
                raise IndexLockedError(
                    f"The index at {self._store.place} is being written by another process ({_told(owner)}). "
                    "Wait for it or stop it; readers are not disturbed."
                )
            self._store.drop(self._name)
        raise IndexLockedError(f"The index at {self._store.place} is being written by another process. Wait for it.")

    def _held(self) -> bool:
        owner = self._store.metadata(self._name, writing=True)
        return owner is not None and owner.get("token") == self._token

    @contextmanager
    def _beating(self, mine: Mapping[str, Any]) -> Iterator[None]:
        done = threading.Event()
        beating = threading.Thread(target=self._beat, args=(mine, done), name="index-lease", daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()

    def _beat(self, mine: Mapping[str, Any], done: threading.Event) -> None:
        while not done.wait(_BEAT):
            try:
                if not self._held():
                    self._lost.set()
                    return
                self._store.modify(self._name, {**mine, "beat": time.time()})
            except AssistantError as error:  # a server that restarts; `assure` decides
                _LOG.warning("no sign of life could be given to the index's lease: %s", error)


def _signature() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:2]]),  # noqa: PTH119  a name, not a path
        "began": time.time(),
    }


def _told(owner: Mapping[str, Any]) -> str:
    age = max(0, round(time.time() - float(owner["began"])))
    minutes, seconds = divmod(age, 60)
    passed = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    where = "" if owner["host"] == socket.gethostname() else f" on {owner['host']}"
    return f"process {owner['pid']}{where}, {owner['command']}, for {passed}"


def _gone(owner: Mapping[str, Any]) -> bool:
    """Whether the owner of a lease cannot be writing any more."""
    if time.time() - float(owner.get("beat", 0)) > _DEAD:
        return True
    if owner.get("host") != socket.gethostname():
        return False
    pid = int(owner["pid"])
    if pid == os.getpid():  # as after a lost connection, or after a container's start, where the number is always 1
        return owner["token"] not in _HELD
    return not lives(pid)
