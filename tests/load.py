"""Answers under load: many clients at once on loopback, offline, one process beside several. `make load`.

Every way of serving is started first; then they take turns, a slice of the time each in every round, so that what slows
the machine for a while slows all of them. The clients are one process of raw sockets, whose own cost is reported.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from browser import free_port
from helpers import ROOT
from rich.console import Console
from rich.progress import track
from rich.table import Table

from assistant.evaluation.testset import load

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
LONGEST = 120.0  # seconds after which an answer counts as an error


class Way(NamedTuple):
    """One way of serving: arguments of `assistant serve`, settings, whether on a Chroma server, on which cores."""

    name: str
    workers: int = 1
    chroma: bool = False
    settings: dict[str, str] = {}  # noqa: RUF012  a NamedTuple's default, never changed
    cores: Sequence[int] = CORES


#: The first one is what the others are compared with.
WAYS = (
    Way("one process on one core, one thread", settings={"ASSISTANT_THREADS": "1"}, cores=CORES[:1]),
    Way("one process as shipped"),
    Way("one process, one thread", settings={"ASSISTANT_THREADS": "1"}),
    Way("one process, Chroma server", chroma=True),
    Way("two workers, Chroma server", workers=2),
    Way("two workers, one thread each", workers=2, settings={"ASSISTANT_THREADS": "1"}),
)


@dataclass
class Slice:
    """What one way of serving did in one slice of time."""

    seconds: float = 0.0
    waited: list[float] = field(default_factory=list)  # seconds from a question to its answer
    errors: list[str] = field(default_factory=list)
    server_cpu: float = 0.0  # processor seconds
    clients_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.waited) / self.seconds

    @property
    def per_core(self) -> float:
        """Answers per processor second of the server, Chroma included."""
        return len(self.waited) / max(self.server_cpu, 1e-9)


def main() -> None:
    """Measure, print a table, write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="for each way of serving, in all its slices")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--only", nargs="*", type=int, help="numbers of the ways of serving, from 0")
    parser.add_argument("--out", type=Path, default=Path("load.json"))
    given = parser.parse_args()
    console = Console(width=max(Console().width, 150))
    ways = [WAYS[number] for number in given.only] if given.only else list(WAYS)
    questions = [case.asked[-1] for case in load(ROOT / "tests" / "story.yaml")]
    found: dict[str, list[Slice]] = {way.name: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running = [
            (way, *stack.enter_context(serving(way, Path(folder) / str(number)))) for number, way in enumerate(ways)
        ]
        clients = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        for way, port, _ in running:
            clients.submit(ask_for, port, questions, given.clients, 2.0, 0).result()
            console.print(f"Serving: {way.name}.")
        turns = [(number, one) for number in range(given.rounds) for one in running]
        for number, (way, port, pids) in track(turns, "Asking", console=Console(stderr=True)):
            before = cpu_seconds(pids)
            seconds = given.seconds / given.rounds
            first = number * len(questions) // given.rounds
            measured = clients.submit(ask_for, port, questions, given.clients, seconds, first).result()
            measured.server_cpu = cpu_seconds(pids) - before
            found[way.name].append(measured)
    report(console, found, given.clients, given.seconds)
    given.out.write_text(
        json.dumps(
            {
                "cores": len(CORES),
                "clients": given.clients,
                "rounds": given.rounds,
                "ways": {name: [asdict(one) for one in slices] for name, slices in found.items()},
            }
        )
    )


# -- serving ----------------------------------------------------------------------------------------------------------


@contextmanager
def serving(way: Way, folder: Path) -> Iterator[tuple[int, list[int]]]:
    """`assistant serve` in one of the ways, ready to answer; gives its port and the processes that belong to it."""
    folder.mkdir()
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(("ASSISTANT_", "OPENAI_"))
    }
    environment |= {"ASSISTANT_CORPUS_DIR": str(ROOT / "corpus"), "ASSISTANT_DATA_DIR": str(folder / "data")}
    with ExitStack() as stack:
        pids = []
        if way.chroma:
            at = free_port()
            arguments = ["run", "--host", "127.0.0.1", "--port", str(at), "--path", str(folder / "chroma")]
            chroma = [str(Path(sys.executable).with_name("chroma")), *arguments]
            pids.append(stack.enter_context(process(chroma, environment, folder / "chroma.log", way.cores)))
            environment["ASSISTANT_CHROMA_URL"] = f"http://127.0.0.1:{at}"
            wait_for(f"http://127.0.0.1:{at}/api/v2/heartbeat", folder / "chroma.log")
        serve = [sys.executable, "-m", "assistant.cli", "serve", "--port", str(port)]
        if way.workers > 1:
            serve += ["--workers", str(way.workers)]
        pids.append(stack.enter_context(process(serve, environment | way.settings, folder / "serve.log", way.cores)))
        wait_for(f"http://127.0.0.1:{port}/healthz", folder / "serve.log")
        if way.workers > 1:
            wait_for_workers(way.workers, pids[-1], folder / "serve.log")
        yield port, pids


@contextmanager
def process(command: Sequence[str], environment: dict[str, str], log: Path, cores: Sequence[int]) -> Iterator[int]:
    """A process of its own on some of the cores; gives its number."""
    pinned = ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
    with log.open("wb") as output:
        running = subprocess.Popen(pinned, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        yield running.pid
    finally:
        running.terminate()
        try:
            running.wait(30)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def wait_for(url: str, log: Path) -> None:
    """Wait until the address answers.

    Raises:
        RuntimeError: it does not within two minutes.
    """
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing serves {url}:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.1)


def wait_for_workers(workers: int, pid: int, log: Path) -> None:
    """Wait until as many workers have said on the log that they serve.

    Raises:
        RuntimeError: they do not within two minutes.
    """
    deadline = time.monotonic() + 120
    while log.read_text(errors="replace").count("is ready") < workers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"of {workers} workers of process {pid} not all serve:\n{log.read_text()}")
        time.sleep(0.1)


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor seconds spent by the processes and all below them that still run."""
    spent: dict[int, float] = {}
    parent: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        pid = int(stat.parent.name)
        parent[pid] = int(fields[1])
        spent[pid] = (int(fields[11]) + int(fields[12])) / TICKS

    def belongs(pid: int) -> bool:
        return pid in pids or (pid in parent and belongs(parent[pid]))

    return sum(seconds for pid, seconds in spent.items() if belongs(pid))


# -- asking -----------------------------------------------------------------------------------------------------------


def ask_for(port: int, questions: Sequence[str], clients: int, seconds: float, first: int) -> Slice:
    """Let clients ask one question after the other, each waiting for its answer, until some seconds are over.

    What has been asked by then is waited for, and the time that takes counts too: so every answer counts, and every
    second in which one was made. Each question comes over a connection of its own, as from a bot.
    """
    own = time.process_time()
    measured = asyncio.run(_ask_all(port, questions, clients, seconds, first))
    measured.clients_cpu = time.process_time() - own
    return measured


async def _ask_all(port: int, questions: Sequence[str], clients: int, seconds: float, first: int) -> Slice:
    measured = Slice()
    numbers = count(first)
    start = time.perf_counter()
    end = start + seconds

    async def client() -> None:
        while (asked := time.perf_counter()) < end:
            try:
                problem = await asyncio.wait_for(_ask(port, questions[next(numbers) % len(questions)]), LONGEST)
            except (OSError, EOFError, TimeoutError) as error:
                problem = repr(error)
            if problem:
                measured.errors.append(problem)
            else:
                measured.waited.append(time.perf_counter() - asked)

    await asyncio.gather(*(client() for _ in range(clients)))
    measured.seconds = time.perf_counter() - start
    return measured


async def _ask(port: int, question: str) -> str:
    """Ask; gives what is wrong with the reply, if anything is."""
    body = json.dumps({"question": question}).encode()
    head = b"POST /api/answer HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        reply = await reader.read()  # to the end of the connection
    finally:
        writer.close()
    return "" if reply.startswith(b"HTTP/1.1 200 ") and b'"outcome"' in reply else f"{reply[:300]!r}"


# -- reporting --------------------------------------------------------------------------------------------------------


def report(console: Console, found: dict[str, list[Slice]], clients: int, seconds: float) -> None:
    """Print a row for each way of serving."""
    base = next(iter(found.values()))
    table = Table(title=f"{clients} clients, {seconds:.0f} s and {len(base)} rounds each, {len(CORES)} cores, offline")
    table.add_column("served by")
    for column in (
        "answers",
        "errors",
        "per second",
        "÷ first",
        "cores used",
        "per core second",
        "p50",
        "p95",
        "longest",
    ):
        table.add_column(column, justify="right")
    for name, slices in found.items():
        waited = [seconds for one in slices for seconds in one.waited]
        ratios = [one.rate / first.rate for one, first in zip(slices, base, strict=True) if first.waited]
        cuts = quantiles(waited, n=20) if len(waited) > 1 else [float("nan")] * 19
        passed = sum(one.seconds for one in slices)
        table.add_row(
            name,
            f"{len(waited):,}",
            str(sum(len(one.errors) for one in slices)),
            f"{len(waited) / passed:.1f}",
            spread(ratios) if ratios else "",
            f"{sum(one.server_cpu for one in slices) / passed:.2f}",
            spread([one.per_core for one in slices]),
            f"{cuts[9]:.1f} s",
            f"{cuts[18]:.1f} s",
            f"{max(waited, default=float('nan')):.1f} s",
        )
    console.print(table)
    slices = [one for own in found.values() for one in own]
    share = sum(one.clients_cpu for one in slices) / sum(one.seconds for one in slices)
    console.print(
        "÷ first: answers per second over those of the first way in the same round, median (least to most); per core "
        f"second likewise. The clients took {share:.1%} of a core."
    )
    for name, own in found.items():
        for error in dict.fromkeys(error for one in own for error in one.errors):
            console.print(f"{name}: {error}", highlight=False, markup=False)


def spread(values: Sequence[float]) -> str:
    """The median, the least and the most."""
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


if __name__ == "__main__":
    main()
