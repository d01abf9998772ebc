"""A real Chroma server on loopback, which a test can stop and start again."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest


class ChromaServer:
    """`chroma run` over a folder; started again it has the same address and the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1"]
        self._process = process = subprocess.Popen(
            [*command, "--port", str(self._port), "--path", str(self._folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._folder,
        )
        heard: list[str] = []
        listening = threading.Event()

        def listen() -> None:  # to the end: a server that cannot write its log stops answering
            assert process.stdout is not None
            for line in process.stdout:
                heard.append(line)
                if "listening" in line:
                    listening.set()

        self._listener = threading.Thread(target=listen)
        self._listener.start()
        assert listening.wait(30), "".join(heard)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Meanwhile it takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        assert self._listener is not None
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def forget(self) -> None:
        """Delete all collections."""
        import chromadb
        from chromadb.config import Settings

        client = chromadb.HttpClient(port=self._port, settings=Settings(anonymized_telemetry=False))
        for found in client.list_collections():
            client.delete_collection(found.name)


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """A server for all tests; `chroma_server` gives it empty."""
    with ChromaServer(tmp_path_factory.mktemp("chroma-server")) as server:
        yield server


@pytest.fixture
def chroma_server(chroma: ChromaServer) -> ChromaServer:
    """A server without collections."""
    chroma.forget()
    return chroma
