"""Benchmarks: start to first answer, and what an answer costs, by stage and against its floor. `make bench`."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table

from assistant.chain import build_chain
from assistant.evaluation.testset import load
from assistant.settings import Settings

REPEATS = 1


def first_answer_seconds(data_dir: Path) -> float:
    """From the start of the server's process, dependencies in place, to its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "assistant.cli", "serve", "--port", str(port)],
        env={**os.environ, "ASSISTANT_DATA_DIR": str(data_dir)},
        stderr=subprocess.DEVNULL,
    )
    try:
        body = json.dumps({"question": "What ties OpenAI to Azure?"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/answer", body, {"Content-Type": "application/json"}
        )
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60):
                    return time.perf_counter() - start
            except urllib.error.URLError:
                if server.poll() is not None or time.perf_counter() - start > 300:
                    raise
                time.sleep(0.02)
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Measure and print."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        empty = first_answer_seconds(data_dir)
        again = first_answer_seconds(data_dir)
        console.print(f"Start to first answer: {empty:.1f} s with an empty data directory, {again:.1f} s indexed.")
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "assistant.cli", "ask", "What ties OpenAI to Azure?"],
            env={**os.environ, "ASSISTANT_DATA_DIR": folder},
            check=True,
            capture_output=True,
        )
        console.print(f"assistant ask, cold, indexed: {time.perf_counter() - start:.1f} s.")

        chain = build_chain(Settings.load(data_dir=data_dir))
        chain.sync()
        chain.warm()
        questions = [case.asked[-1] for case in load(Path("tests/story.yaml"))] * REPEATS
        totals: list[float] = []
        floors: list[float] = []
        stages: dict[str, list[float]] = {}
        for question in questions:
            begin = time.perf_counter()
            vector = chain.index.embeddings.embed_query(question)
            chain.index.nearest(vector, 50)
            floors.append((time.perf_counter() - begin) * 1000)
            begin = time.perf_counter()
            answer = chain.invoke(question)
            totals.append((time.perf_counter() - begin) * 1000)
            for stage, spent in answer.timings_ms.items():
                stages.setdefault(stage, []).append(spent)
    table = Table("ms", "median", "90th percentile", title=f"{len(questions)} answers, offline, one at a time")
    for name, values in {"floor: embed and query": floors, **stages, "answer": totals}.items():
        table.add_row(name, f"{median(values):.1f}", f"{quantiles(values, n=10)[-1]:.1f}")
    console.print(table)
    ratios = [total / floor for total, floor in zip(totals, floors, strict=True)]
    low, middle, high = (quantiles(ratios, n=10)[place] for place in (0, 4, 8))
    console.print(f"Answer ÷ floor, pair by pair: median {middle:.1f}, 80% between {low:.1f} and {high:.1f}.")


if __name__ == "__main__":
    main()
