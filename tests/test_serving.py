"""Several processes behind one port, as `assistant serve --workers` starts them, with a real Chroma server."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from browser import box, free_port, ready
from conftest import SettingsFactory
from helpers import ROOT, HashEmbeddings, write_article
from playwright.sync_api import Browser

from assistant.answer import Answer, Outcome
from assistant.api.serving import alone, threads_each
from assistant.api.sticky import COOKIE
from assistant.articles import load_corpus
from assistant.chroma_server import ChromaServer, answers, running
from assistant.errors import AssistantError, IndexLockedError
from assistant.index import Index
from assistant.settings import Settings

ASK = "How high is the tower of Tarn?"
TOWER = "The tower of Tarn is 80 metres high. It was finished in March 1998 by Ada Brook.\n"
WORKERS = 2


class Running(NamedTuple):
    """`assistant serve --workers 2` in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")


def environment(folder: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ASSISTANT_", "OPENAI_"))}
    folders = {"ASSISTANT_CORPUS_DIR": str(folder / "corpus"), "ASSISTANT_DATA_DIR": str(folder / "data")}
    return {**own, **folders, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", **more}


def command(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        env=environment(folder, **more),
        cwd=ROOT,
        timeout=120,
        check=False,
    )


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Running]:
    write_article(folder / "corpus", "tower.md", TOWER, as_of="2024-05-01")
    write_article(folder / "corpus", "bridge.md", "The bridge of Velm cost $40 million.\n", as_of="2025-01-01")
    port = free_port()
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "assistant.cli",
                "serve",
                "--port",
                str(port),
                "--workers",
                str(WORKERS),
                *arguments,
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment(folder),
            cwd=folder,
        )
    running = Running(f"http://127.0.0.1:{port}", process, folder)
    try:
        wait_until(lambda: running.log.count("is ready") >= WORKERS or process.poll() is not None)
        assert process.poll() is None, running.log
        yield running
    finally:
        process.terminate()
        try:
            process.wait(40)
        finally:
            process.kill()


def wait_until(true: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def children(pid: int) -> dict[int, str]:
    """What the process has started and still runs, by number, with the command line."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            line = (stat.parent / "cmdline").read_text()
        except OSError:  # it has ended meanwhile
            continue
        if int(parent) == pid and state != "Z":
            found[int(stat.parent.name)] = line
    return {number: line for number, line in found.items() if "spawn_main" in line}


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def chroma_of(folder: Path) -> tuple[str, int]:
    address = json.loads((folder / "data" / "chroma.json").read_text())
    return address["url"], address["pid"]


def ask(url: str, worker: int | None = None) -> Answer:
    cookies = {"Cookie": f"{COOKIE}={worker}"} if worker is not None else {}
    reply = httpx.post(f"{url}/api/answer", json={"question": ASK}, headers=cookies, timeout=60)
    assert reply.status_code == 200, reply.text
    return Answer.model_validate_json(reply.text)


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Most tests ask this one; what a signal does to it is asserted when they are done, as a start takes long."""
    with serving(tmp_path_factory.mktemp("workers")) as running:
        yield running
        check_that_all_end_together_on_a_signal(running)


def check_that_all_end_together_on_a_signal(server: Running) -> None:
    started = set(children(server.process.pid))
    assert len(started) == WORKERS + 1
    url, _ = chroma_of(server.folder)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(40) == 0
    assert not [pid for pid in started if lives(pid)]
    assert not answers(url)
    assert running(server.folder / "data") is None
    assert "Traceback" not in server.log


def test_both_workers_answer(workers: Running) -> None:
    for worker in range(WORKERS):
        answer = ask(workers.url, worker)
        assert answer.outcome is Outcome.ANSWERED
        assert "80 metres" in answer.answer
    assert "2 articles ready (0 unchanged)" in workers.log
    assert len(children(workers.process.pid)) == WORKERS + 1, "the workers and Chroma"
    assert str(threads_each(WORKERS)) in workers.log


def test_ten_conversations_in_the_browser_are_all_answered(workers: Running, browser: Browser) -> None:
    """Half of the visitors belong to each worker; of their requests about half reach the other one first."""
    asked = {ASK: "80 metres high", "What did the bridge of Velm cost?": "$40 million"}
    for first in range(0, 10, 5):  # five at once: more are work for Chromium, not for the workers
        contexts = [browser.new_context() for _ in range(5)]
        for number, context in enumerate(contexts, first):
            context.add_cookies([{"name": COOKIE, "value": str(number % WORKERS), "url": workers.url}])
        pages = [ready(context.new_page(), workers.url) for context in contexts]
        for turn, (question, says) in enumerate(asked.items()):
            for page in pages:
                box(page).fill(question)
                box(page).press("Enter")
            for page in pages:
                one = page.locator(".turn").nth(turn)
                one.locator("footer.small, .failed").wait_for(timeout=60_000)
                assert says in one.inner_text()
        for context in contexts:
            context.close()


def test_asking_beside_the_workers_goes_through_their_chroma(workers: Running) -> None:
    asked = command(workers.folder, "assistant.cli", "ask", ASK)
    assert asked.returncode == 0, asked.stderr
    assert "80 metres high" in asked.stdout
    url, pid = chroma_of(workers.folder)
    assert running(workers.folder / "data") == url
    assert answers(url)
    assert lives(pid)
    assert Settings.load(data_dir=workers.folder / "data").chroma_url == url


def test_a_worker_and_chroma_that_die_are_started_again(workers: Running) -> None:
    url, chroma = chroma_of(workers.folder)
    before = set(children(workers.process.pid)) - {chroma}
    ready = workers.log.count("is ready")
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: not lives(min(before)))  # what reaches it while it dies is told to try again
    assert ask(workers.url, 0).outcome is ask(workers.url, 1).outcome is Outcome.ANSWERED, "the other one stands in"
    wait_until(lambda: workers.log.count("is ready") > ready)
    assert len(set(children(workers.process.pid)) - {chroma} - before) == 1
    assert "had ended and is started again" in workers.log
    os.kill(chroma, signal.SIGKILL)
    wait_until(lambda: "The Chroma server had ended and was started again" in workers.log)
    assert chroma_of(workers.folder)[0] == url
    assert {ask(workers.url, worker).outcome for worker in range(WORKERS)} == {Outcome.ANSWERED}


def test_all_end_when_the_first_process_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        started = set(children(server.process.pid))
        assert len(started) == WORKERS + 1
        server.process.kill()
        wait_until(lambda: not [pid for pid in started if lives(pid)], seconds=30)
        assert running(tmp_path / "data") is None, "an address that nobody answers at is not taken for a server"
    asked = command(tmp_path, "assistant.cli", "ask", ASK)
    assert "80 metres high" in asked.stdout, asked.stderr


def test_a_worker_that_cannot_start_ends_it_all_with_the_reason(tmp_path: Path) -> None:
    write_article(tmp_path / "corpus", "tower.md", TOWER)
    done = command(
        tmp_path,
        *("assistant.cli", "serve", "--workers", "2", "--port", str(free_port())),
        ASSISTANT_UI_USERS="ann:not-a-hash",
    )
    assert done.returncode == 1
    assert "ASSISTANT_UI_USERS" in done.stderr
    assert "A worker could not start" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_workers_of_another_server_are_refused_on_the_embedded_store(tmp_path: Path) -> None:
    write_article(tmp_path / "corpus", "tower.md", TOWER)
    started = ("uvicorn", "app:app", "--workers", "2", "--port", str(free_port()))
    done = command(tmp_path, *started)
    said = " ".join(done.stderr.split())
    assert "already serves from the data directory" in said
    assert "assistant serve --workers N" in said
    assert "Traceback" not in said
    assert "stopping the parent process" in said


def test_a_second_server_on_the_embedded_store_is_refused(settings: SettingsFactory) -> None:
    own = settings()
    lock = alone(own)
    assert lock
    with pytest.raises(AssistantError, match="already serves from the data directory"):
        alone(own)
    assert alone(settings(chroma_url="http://127.0.0.1:1")) is None
    lock.release()
    again = alone(own)
    assert again
    again.release()


def test_from_one_process_to_several_and_back_nothing_is_indexed_again(settings: SettingsFactory) -> None:
    own = settings()
    for number in range(30):
        write_article(own.corpus_dir, f"a{number}.md", f"Tower {number} of Tarn is {number} metres high. It stands.\n")
    corpus = load_corpus(own.corpus_dir)
    index = Index(own, HashEmbeddings())
    assert len(index.sync(corpus).added) == 30
    revision = index.snapshot.revision
    vector = HashEmbeddings().embed_query("Tower 7 of Tarn")
    nearest = index.nearest(vector, 5)
    server = ChromaServer(own.data_dir)
    with pytest.raises(IndexLockedError):
        server.start()
    index.close()
    url = server.start()
    try:
        with pytest.raises(IndexLockedError):
            ChromaServer(own.data_dir).start()
        through = Index(settings(chroma_url=url), HashEmbeddings())
        report = through.sync(corpus)
        assert (len(report.unchanged), report.passages_embedded) == (30, 0)
        assert through.snapshot.revision == revision
        assert [row for row, _ in through.nearest(vector, 5)] == [row for row, _ in nearest]
        through.close()
    finally:
        server.stop()
    assert running(own.data_dir) is None
    back = Index(own, HashEmbeddings())
    assert back.sync(corpus).passages_embedded == 0
    assert [row for row, _ in back.nearest(vector, 5)] == [row for row, _ in nearest]
    back.close()


def test_threads_of_all_workers_together_are_no_more_than_the_cores() -> None:
    cores = len(os.sched_getaffinity(0))
    assert threads_each(1) == cores
    assert threads_each(cores) == 1
    assert threads_each(10 * cores) == 1
