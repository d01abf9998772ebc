"""A Chroma server of our own on loopback, over the files of the embedded store; and how others find it while it runs.

One process may have the files open. Embedded, that is the assistant; here it is Chroma's, which any number of the
assistant's ask over HTTP. Both ways the files are the same, so that going from one to the other costs nothing.
"""

import json
import multiprocessing
import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from filelock import FileLock, Timeout

from assistant.errors import AssistantError
from assistant.lock import DirectoryLock

#: In the data directory: where the server listens, its lock (held by the server's process), what it prints.
_ADDRESS, _LOCK, _LOG = "chroma.json", "chroma.lock", "chroma.log"
_START, _STOP = 60.0, 10.0  # seconds to begin answering, and to end


class ChromaServer:
    """Runs until `stop()` or the end of this process, however it ends. Use it from one thread."""

    def __init__(self, data_dir: Path) -> None:
        """Serves the store in `data_dir`, empty if there is none."""
        self._folder = data_dir
        self._process: multiprocessing.process.BaseProcess | None = None
        self._held = ExitStack()
        self.url = ""

    def start(self) -> str:
        """Start it and wait until it answers; gives its address.

        Raises:
            IndexLockedError: another process has the embedded store open.
            AssistantError: it does not start; the message has the end of what it printed.
        """
        with ExitStack() as held:
            lock = DirectoryLock(self._folder)
            held.callback(lock.close)
            held.enter_context(lock.writing())
            self._launch(_free_port())
            self._held = held.pop_all()
        return self.url

    def keep_alive(self) -> bool:
        """Start it again at the same address if it has ended. Whether it had.

        Raises:
            AssistantError: it does not start.
        """
        if self._process is None or self._process.is_alive():
            return False
        self._launch(int(self.url.rpartition(":")[2]))
        return True

    def stop(self) -> None:
        """End it. Once is enough, twice does no harm."""
        if self._process is not None:
            (self._folder / _ADDRESS).unlink(missing_ok=True)
            self._process.terminate()
            self._process.join(_STOP)
            self._process.kill()
            self._process.join()
            self._process = None
            self._held.close()

    def _launch(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        # Spawned, not forked: a fork would keep our locks. A daemon: it ends when this process exits.
        self._process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(self._folder.absolute(), port), name="chroma", daemon=True
        )
        self._process.start()
        deadline = time.monotonic() + _START
        while not answers(self.url):
            if not self._process.is_alive() or time.monotonic() > deadline:
                self._process.kill()
                printed = (self._folder / _LOG).read_text(errors="replace") if (self._folder / _LOG).exists() else ""
                raise AssistantError(f"The Chroma server does not start. The end of {_LOG}:\n{printed[-1000:].strip()}")
            time.sleep(0.05)
        draft = self._folder / f".{_ADDRESS}"
        draft.write_text(json.dumps({"url": self.url, "pid": self._process.pid}))
        draft.replace(self._folder / _ADDRESS)


def running(data_dir: Path) -> str | None:
    """The address of the server that has the store of `data_dir` open, if one has."""
    try:
        url = str(json.loads((data_dir / _ADDRESS).read_text())["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    lock = FileLock(data_dir / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return url
    lock.release()  # whoever wrote the address is gone, without a word
    return None


def answers(url: str, seconds: float = 2.0) -> bool:
    """Whether a Chroma server answers there."""
    import httpx

    try:
        return httpx.get(f"{url}/api/v2/heartbeat", timeout=seconds, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _serve(folder: Path, port: int) -> None:
    """What the server's process does."""
    os.setpgrp()  # Ctrl-C in a terminal is for the workers, who still need us for what they are answering
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(folder / _LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        # Waits a little: whoever looks whether a server is running holds the lock for a moment.
        lock = FileLock(folder / _LOCK)
        lock.acquire(timeout=5)
    except Timeout:
        os.write(2, b"Another Chroma server has these files open.\n")
        os._exit(1)
    os.environ.setdefault("RUST_LOG", "warn")
    import chromadb_rust_bindings

    arguments = ["--path", str(folder / "chroma"), "--host", "127.0.0.1", "--port", str(port)]
    chromadb_rust_bindings.cli(["chroma", "run", *arguments])


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even without having said so."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
