"""Serving: which processes there are, what each may open, and how they start and end together."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from assistant.chroma_server import ChromaServer
from assistant.errors import AssistantError, IndexLockedError
from assistant.settings import Settings
from assistant.terminal import ERR, plain, progress_bar, report_problems

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp

_LOG = logging.getLogger(__name__)

GRACEFUL = 10  # seconds for what is running when the server is stopped
_UNRESPONSIVE = 60  # seconds after which a worker that does not react is replaced; starting on a busy machine takes ten


def alone(settings: Settings) -> FileLock | None:
    """Be the only server that opens the embedded store, for as long as the lock given back is held on to.

    None with a Chroma server, which any number may use. Two servers on the embedded store would not lose articles,
    since one that writes excludes the other; but neither could write any more, and Chroma's own housekeeping on the
    files is made for one process.

    Raises:
        AssistantError: another server has the embedded store open.
    """
    if settings.chroma_url:
        return None
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(settings.data_dir / "server.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise AssistantError(
            f"Another process already serves from the data directory {settings.data_dir}, and an embedded store is for "
            "one. For several processes run `assistant serve --workers N`, which starts a Chroma server beside them, "
            "or set ASSISTANT_CHROMA_URL to one; for a server of its own set ASSISTANT_DATA_DIR to another folder."
        ) from None
    except OSError as error:
        raise AssistantError(f"The data directory {settings.data_dir} cannot be used: {error.strerror}.") from None
    return lock


def application() -> "FastAPI":
    """The application from settings, for `uvicorn app:app` and other ASGI servers; ends the process if that fails.

    On a Chroma server the index is used as it stands when another process is just writing it.
    """
    try:
        settings = Settings.load()
        lock = alone(settings)
        from assistant.api.app import create_app
        from assistant.chain import build_chain

        chain = build_chain(settings)
        try:
            chain.sync()
        except IndexLockedError:
            if not settings.chroma_url:
                raise
        chain.warm()
        app = create_app(chain)
        app.state.lock = lock  # until the process ends
        return app
    except AssistantError as error:
        ERR.print(f"[bold red]Error:[/] {plain(str(error))}", highlight=False, soft_wrap=True)
        # With this status uvicorn and gunicorn stop, instead of starting a worker again that will fail again.
        sys.exit(STARTUP_FAILURE)


def serve_workers(settings: Settings, host: str, port: int, workers: int, sync: bool = True) -> None:
    """Serve from several processes behind one port until a signal ends them all.

    They read from one Chroma server: the one that the settings name, or one that is started here, watched, and ends
    with them. The index is brought in step once before they start.

    Raises:
        IndexLockedError: another process has the embedded store open.
        AssistantError: Chroma or a worker cannot start, or the address cannot be used.
    """
    threads = settings.threads if "threads" in settings.model_fields_set else threads_each(workers)
    with tempfile.TemporaryDirectory(prefix="assistant-") as folder, _chroma(settings) as chroma:
        settings = settings.model_copy(
            update={"threads": threads, "chroma_url": chroma.url if chroma else settings.chroma_url}
        )
        if sync:
            sync_once(settings)
        config = Config(
            _Worker(settings, Path(folder), workers),
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_level="warning",
            timeout_graceful_shutdown=GRACEFUL,
            timeout_worker_healthcheck=_UNRESPONSIVE,
        )
        supervisor = _Supervisor(config, [_listen(host, port)], chroma)
        shown = f"[{host}]" if ":" in host else host
        ERR.print(
            f"Starting {workers} workers, {threads} threads each, on {settings.chroma_url}.\n"
            f"[bold]Chat on http://{shown}:{port}[/]  ·  answer endpoint: /api/answer  ·  stop with Ctrl-C",
            highlight=False,
        )
        supervisor.run()
        if supervisor.failed:
            raise AssistantError("A worker could not start, for the reason above, so all have been stopped.")


def threads_each(workers: int) -> int:
    """Processor threads for each worker's models so that together they do not ask for more cores than there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // workers)


def sync_once(settings: Settings) -> None:
    """Bring the index in step with the articles, and say so; then let go of it."""
    from assistant.chain import sync
    from assistant.embeddings import load_embeddings
    from assistant.index import Index

    index = Index(settings, load_embeddings(settings))
    try:
        with progress_bar() as progress:
            report = sync(settings, index, progress)
        report_problems(report.problems)
        count = len(index.snapshot.articles)
        ERR.print(f"{count} articles ready ({len(report.unchanged)} unchanged).", highlight=False)
    finally:
        index.close()


@dataclass(frozen=True)
class _Worker:
    """Makes a worker's application, in the worker's process."""

    settings: Settings
    folder: Path
    workers: int

    def __call__(self) -> "ASGIApp":
        threading.Thread(target=_end_with_parent, daemon=True).start()
        try:
            from assistant.api.app import create_app
            from assistant.api.sticky import Sticky
            from assistant.chain import build_chain

            chain = build_chain(self.settings)
            chain.warm()
            app = Sticky(create_app(chain), self.folder, self.workers, GRACEFUL)
        except AssistantError as error:
            ERR.print(f"[bold red]Error:[/] {plain(str(error))}", highlight=False, soft_wrap=True)
            sys.exit(STARTUP_FAILURE)
        except Exception:  # noqa: BLE001  whatever it is
            _LOG.exception("a worker cannot start")
            sys.exit(STARTUP_FAILURE)  # what fails now fails again: no endless starting
        ERR.print(f"Worker {app.number + 1} is ready. Reader: {chain.reader}.", highlight=False)
        return app


class _Supervisor(Multiprocess):
    """uvicorn's: replaces workers that die, passes signals on. It looks after Chroma as well."""

    def __init__(self, config: Config, sockets: list[socket.socket], chroma: ChromaServer | None) -> None:
        super().__init__(config, sockets)
        self._chroma = chroma

    @property
    def failed(self) -> bool:
        """Whether a worker could not start."""
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)

    def keep_subprocess_alive(self) -> None:
        """Start again what has ended."""
        if self._chroma and not self.should_exit.is_set() and self._chroma.keep_alive():
            ERR.print(
                "[yellow]The Chroma server had ended and was started again;[/] the end of chroma.log may say why."
            )
        before = [process.pid for process in self.processes]
        super().keep_subprocess_alive()
        for old, process in zip(before, self.processes, strict=True):
            if process.pid != old:
                ERR.print(f"[yellow]Worker process {old} had ended and was started again.[/]", highlight=False)


@contextmanager
def _chroma(settings: Settings) -> Iterator[ChromaServer | None]:
    """A Chroma server beside the workers, unless the settings name one."""
    if settings.chroma_url:
        yield None
        return
    server = ChromaServer(settings.data_dir)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _listen(host: str, port: int) -> socket.socket:
    """The socket that all workers accept from: whoever is free takes the next connection."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise AssistantError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None


def _end_with_parent() -> None:
    """Stop in good order when the supervisor is gone without having said so: nobody would replace or stop us."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
