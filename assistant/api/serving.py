"""Serving: which processes there are, what each may open, and how they start and end together."""

import atexit
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
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from assistant.api.running import Server, server_config
from assistant.chroma_server import ChromaServer
from assistant.errors import AssistantError, IndexLockedError
from assistant.settings import Settings
from assistant.telemetry.logs import configure_logs
from assistant.telemetry.metrics import shared_metrics
from assistant.terminal import ERR, plain, progress_bar, report_problems

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_LOG = logging.getLogger(__name__)

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


def application() -> "ASGIApp":
    """The application from settings, for `uvicorn app:app` and other ASGI servers; ends the process if that fails.

    On a Chroma server the index is used as it stands when another process is just writing it.
    """
    try:
        settings = Settings.load()
        configure_logs(settings)
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
        if lock:
            atexit.register(lock.release)  # and held on to until then
        return create_app(chain)
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
        config = server_config(
            _not_yet, settings, host, port, workers=workers, timeout_worker_healthcheck=_UNRESPONSIVE
        )
        worker = _Worker(settings, Path(folder), workers)
        supervisor = _Supervisor(config, [_listen(host, port)], worker, chroma)
        shown = f"[{host}]" if ":" in host else host
        ERR.print(
            f"Starting {workers} workers on {settings.chroma_url}; processor threads for each: {threads}.\n"
            f"[bold]Chat on http://{shown}:{port}[/]  ·  answer endpoint: /api/answer  ·  stop with Ctrl-C",
            highlight=False,
        )
        try:
            with shared_metrics():
                supervisor.run()
        except AssistantError:  # Chroma cannot be started again, and without it no worker can answer
            supervisor.terminate_all()
            supervisor.join_all()
            raise
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


async def _not_yet(scope: object, receive: object, send: object) -> None:
    """Stands for the application in what the supervisor hands to a worker, which makes its own."""
    raise NotImplementedError


@dataclass(frozen=True)
class _Worker:
    """What a worker is made from, in its own process."""

    settings: Settings
    folder: Path
    workers: int

    def server(self, config: Config) -> Server:
        """Load everything and put it into a server.

        Raises:
            SystemExit: that fails. With this status the supervisor stops, instead of starting what fails again.
        """
        configure_logs(self.settings)
        try:
            from assistant.api.app import create_app
            from assistant.api.sticky import Sticky
            from assistant.chain import build_chain

            chain = build_chain(self.settings)
            chain.warm()
            inside = create_app(chain)
            app = Sticky(inside, self.folder, self.workers, self.settings.shutdown_seconds)
        except AssistantError as error:
            ERR.print(f"[bold red]Error:[/] {plain(str(error))}", highlight=False, soft_wrap=True)
            sys.exit(STARTUP_FAILURE)
        except Exception:  # noqa: BLE001  whatever it is
            _LOG.exception("a worker cannot start")
            sys.exit(STARTUP_FAILURE)
        ERR.print(f"Worker {app.number + 1} is ready. Reader: {chain.reader}.", highlight=False)
        config.app = app
        return Server(config, inside)


class _WorkerProcess(Process):
    """uvicorn's worker process, with a server of our making."""

    def __init__(self, config: Config, sockets: list[socket.socket], worker: _Worker) -> None:
        self._worker = worker
        super().__init__(config, sockets)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What the process does."""
        for beside in (_end_with_parent, self.always_pong):
            threading.Thread(target=beside, daemon=True).start()
        self._server = self._worker.server(self.config)
        self._server.run(sockets)

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether it lives and reacts. uvicorn's own would wait the whole time for one that ends meanwhile."""
        if not self.process.is_alive():
            return False
        try:
            self.parent_conn.send(b"ping")
            wait([self.parent_conn, self.process.sentinel], timeout)
            return self.parent_conn.poll() and self.parent_conn.recv() is not None
        except (OSError, EOFError):
            return False

    def pong(self) -> None:
        """Tell the supervisor that we are alive, also while we load, and whether we serve."""
        self.child_conn.recv()
        self.child_conn.send(self._server is not None and self._server.started)


class _Supervisor(Multiprocess):
    """uvicorn's: replaces workers that die, ends all on a signal. It looks after Chroma as well."""

    def __init__(
        self, config: Config, sockets: list[socket.socket], worker: _Worker, chroma: ChromaServer | None
    ) -> None:
        super().__init__(config, sockets)
        self._worker = worker
        self._chroma = chroma
        #: Whether a worker could not start.
        self.failed = False

    def init_processes(self) -> None:
        """Start the workers."""
        self.processes = [self._start() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Start again what has ended, or does not react."""
        if self.should_exit.is_set():
            return
        if self._chroma and self._chroma.keep_alive():
            ERR.print(
                "[yellow]The Chroma server had ended and was started again;[/] the end of chroma.log may say why."
            )
        for place, process in enumerate(self.processes):
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                self.failed = True
                self.should_exit.set()
                return
            if self.signal_queue:  # Ctrl-C in a terminal reaches every process, and the workers end by themselves
                return
            ERR.print(f"[yellow]Worker process {process.pid} had ended and is started again.[/]", highlight=False)
            self.processes[place] = self._start()

    def handle_signals(self) -> None:
        """Only what ends the server: the number of workers is fixed, and settings are read once."""
        self.signal_queue = [told for told in self.signal_queue if told in (signal.SIGINT, signal.SIGTERM)]
        super().handle_signals()

    def _start(self) -> Process:
        process = _WorkerProcess(self.config, self.sockets, self._worker)
        process.start()
        return process


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
