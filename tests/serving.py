"""`assistant serve` in a process of its own, for what only a real process shows: signals, logs, several at once."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from browser import free_port
from helpers import ROOT
from prometheus_client.parser import text_string_to_metric_families


@dataclass
class Served:
    """A server in its process."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """The lines of its JSON log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Served]:
    """Serve the articles in `folder`/corpus, with what is set besides; waits until the server is ready."""
    port, log = free_port(), folder / "serve.log"
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("ASSISTANT_", "OPENAI_", "OTEL_"))
    }
    own = {
        "ASSISTANT_CORPUS_DIR": str(folder / "corpus"),
        "ASSISTANT_DATA_DIR": str(folder / "data"),
        "ASSISTANT_PROMPTS_DIR": str(ROOT / "prompts"),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "assistant.cli", "serve", "--port", str(port)],
            cwd=folder,
            env={**clean, **own, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    served = Served(process, f"http://127.0.0.1:{port}", log)
    try:
        with httpx.Client(trust_env=False) as client:
            wait_until_ready(served, client)
        yield served
    finally:
        process.kill()
        process.wait()


def wait_until_ready(served: Served, client: httpx.Client) -> None:
    """Ask /readyz until it agrees."""
    for _ in range(1200):
        assert served.process.poll() is None, served.log.read_text()
        try:
            if client.get(f"{served.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the server did not get ready:\n{served.log.read_text()}")


def samples(text: str) -> dict[str, float]:
    """Every sample of a scrape by `name{label="value",…}`, labels in order."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found
