"""Headless Chromium and servers of the chat page, for the browser tests and the screenshots."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from helpers import ROOT
from playwright.sync_api import Browser, Error, Locator, Page, TimeoutError, sync_playwright
from starlette.types import ASGIApp

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoBrowserError(Exception):
    """No Chromium could be started; the message says why."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium from $CHROMIUM, from the system, or playwright's own.

    Raises:
        NoBrowserError: none of them starts.
    """
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium", path="/usr/bin")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        except Error as error:
            raise NoBrowserError(str(error).splitlines()[0]) from error
        try:
            yield browser
        finally:
            browser.close()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def real_server(data_dir: Path, log: Path) -> Iterator[str]:
    """`assistant serve` with the project's corpus, in a process of its own; gives its address."""
    port = free_port()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("ASSISTANT_", "OPENAI_", "SLACK_"))
    }
    environment |= {"ASSISTANT_CORPUS_DIR": str(ROOT / "corpus"), "ASSISTANT_DATA_DIR": str(data_dir)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "assistant.cli", "serve", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 150
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.3)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def served(app: ASGIApp, log_level: str = "error") -> Iterator[str]:
    """An application served from a thread of this process; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=free_port(), log_level=log_level, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.config.port}/"
    finally:
        server.should_exit = True
        thread.join(15)


def ready(page: Page, url: str) -> Page:
    """Open the chat page and wait until it takes questions."""
    page.goto(url)
    box(page).wait_for()
    # Gradio marks the page once its first events are through; only then do handlers hang on it.
    page.wait_for_load_state("domcontentloaded")
    page.locator("#tip").wait_for(state="attached")
    return page


def reload(page: Page) -> None:
    """Reload the page once it is at rest: what a reload cuts off, Gradio reports on the console as an error."""
    with suppress(TimeoutError):
        page.locator("#next section").wait_for(timeout=3_000)
    page.wait_for_timeout(300)
    page.reload()
    page.locator("#tip").wait_for(state="attached")


def box(page: Page) -> Locator:
    """The question box, found as a screen reader finds it."""
    return page.get_by_label("Your question")


def ask(page: Page, question: str) -> Locator:
    """Ask with the Enter key and wait for the complete reply; gives its turn."""
    count = page.locator(".turn").count()
    box(page).fill(question)
    box(page).press("Enter")
    turn = page.locator(".turn").nth(count)
    turn.locator("footer.small, .failed").wait_for(timeout=60_000)
    return turn


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
