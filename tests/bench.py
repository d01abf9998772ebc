"""Benchmarks: start to first answer, and what an answer costs by stage, by size and against its floor. `make bench`."""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

import yaml
from bench_sync import report_sync
from browser import box, chromium, ready, real_server
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from synthetic import Synthetic, median_day

from assistant.articles import Corpus, load_corpus
from assistant.chain import AnswerChain
from assistant.embeddings import LocalEmbeddings, load_embeddings
from assistant.evaluation.testset import load
from assistant.filters import Filters
from assistant.grounding import ground
from assistant.grounding.entailment import SupportModel
from assistant.index import Index
from assistant.passages import split_passages
from assistant.reading.scorer import Scorer
from assistant.settings import Settings

NEAREST = 50  # what a search asks Chroma for
FLOOR = "floor: one embedding, one Chroma query"
STAGES = (
    "standalone",
    "embedding",
    "dense",
    "lexical",
    "fusing",
    "reading without scorer",
    "scorer",
    "grounding",
    "answer without scorer",
    "answer",
    FLOOR,
    "dense, half the articles filtered out",
)

BROWSER_QUESTIONS = 20
#: Presses Enter and waits for words in the place of the answer; milliseconds, by the page's own clock.
FIRST_SENTENCE = """() => new Promise((resolve) => {
  const start = performance.now();
  new MutationObserver((changes, observer) => {
    if (!document.querySelector(".turn .words")) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - start));
  }).observe(document.querySelector("#conversation"), { childList: true, subtree: true });
  document.querySelector("#send").click();
})"""

Figures = dict[str, list[float]]
Result = TypeVar("Result")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000, 10_000, 100_000], help="numbers of passages")
    sizes = parser.parse_args().sizes
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own"
        report_start(console, own)
        report_grounding(console)
        report_browser(console, own)
        report_sync(console)
        columns = {"the project's articles": in_a_process_of_its_own(measure, own, None)}
        built = {size: Path(folder) / str(size) for size in sizes}
        for size, data_dir in built.items():
            console.print(in_a_process_of_its_own(build, data_dir, size))
            columns[f"{size:,} passages"] = in_a_process_of_its_own(measure, data_dir, size)
        report(console, columns)
        for size in sizes[1:]:
            pairs = in_a_process_of_its_own(side_by_side, built[size], size, built[sizes[0]], sizes[0])
            console.print(f"Answer of {size:,} passages ÷ of {sizes[0]:,}, question by question, {pairs}")


def report_start(console: Console, data_dir: Path) -> None:
    """Print what a user waits for at first."""
    empty = first_answer_seconds(data_dir)
    again = first_answer_seconds(data_dir)
    console.print(f"Start to first answer: {empty:.1f} s with an empty data directory, {again:.1f} s indexed.")
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "assistant.cli", "ask", "What ties OpenAI to Azure?"],
        env={**os.environ, "ASSISTANT_DATA_DIR": str(data_dir)},
        check=True,
        capture_output=True,
    )
    console.print(f"assistant ask, cold, indexed: {time.perf_counter() - start:.1f} s.")


def report_grounding(console: Console) -> None:
    """Print what grounding costs an answer of three written sentences on the first eight passages of an article."""
    embeddings, model = LocalEmbeddings(), SupportModel()
    written = yaml.safe_load(Path("tests/grounding/paraphrases.yaml").read_text("utf-8"))
    articles = {article.id: article for article in load_corpus(Path("corpus")).articles}
    spent = []
    for key in dict.fromkeys(one["article"] for one in written):
        passages = split_passages(articles[key])[:8]
        first = [one for one in written if one["article"] == key][:3]
        places = [articles[key].text.index(one["words"]) for one in first]
        cited = [[n for n, p in enumerate(passages, 1) if p.start <= place < p.end] for place in places]
        start = time.perf_counter()
        for one, numbers in zip(first, cited, strict=True):
            ground(one["says"], numbers, passages, embeddings, model)
        spent.append((time.perf_counter() - start) * 1000)
    console.print(
        f"Grounding three written sentences, first sight of their passages: median {median(spent):.0f} ms, "
        f"90th percentile {quantiles(spent, n=10)[8]:.0f} ms, {len(spent)} answers."
    )


def report_browser(console: Console, data_dir: Path) -> None:
    """Print what a visitor waits for: Enter to the first sentence, each question in a new conversation."""
    questions = [case.asked[-1] for case in load(Path("tests/story.yaml"))][:BROWSER_QUESTIONS]
    waited: list[float] = []
    with real_server(data_dir, data_dir / "browser.log") as url, chromium() as browser:
        for question in questions:
            context = browser.new_context()
            page = ready(context.new_page(), url)
            page.locator("#next .first").wait_for(timeout=60_000)
            box(page).fill(question)
            waited.append(page.evaluate(FIRST_SENTENCE))
            context.close()
    console.print(
        f"Enter to first sentence in the browser: median {median(waited):.0f} ms, 90th percentile "
        f"{quantiles(waited, n=10)[-1]:.0f} ms, {len(waited)} questions, offline."
    )


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


def open_index(data_dir: Path, size: int | None) -> tuple[Index, Synthetic]:
    """The index in `data_dir`, with the real model's vectors or, where a size is given, made ones."""
    settings = Settings.load(data_dir=data_dir, chat_model="extractive")
    model = load_embeddings(settings)
    synthetic = Synthetic(load_corpus(settings.corpus_dir).articles, model)
    return Index(settings, model if size is None else synthetic), synthetic


def build(data_dir: Path, size: int) -> str:
    """Index a synthetic corpus: all as in the product, but for the passages' vectors. What it took, in words."""
    index, synthetic = open_index(data_dir, size)
    synthetic.embed_sentences()
    start = time.perf_counter()
    with progress_bar(Console(stderr=True), f"Indexing {size:,} passages") as bar:
        task = bar.add_task("", total=size)
        corpus = Corpus(tuple(synthetic.articles(size)), {})
        index.sync(corpus, lambda done, total: bar.update(task, completed=done, total=total))
    index.close()
    return (
        f"Indexed {size:,} passages in {time.perf_counter() - start:.0f} s, embedding not counted; "
        f"resident memory at the highest {memory('VmHWM'):,.0f} MB."
    )


def in_a_process_of_its_own(work: Callable[..., Result], *given: object) -> Result:
    """Do it where nothing has been loaded before, so that time and memory are those of a start."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def side_by_side(large_dir: Path, large: int, small_dir: Path, small: int) -> str:
    """How much longer an answer takes of many passages than of few, asked in turns, in words."""
    chains = [loaded(data_dir, size) for data_dir, size in ((large_dir, large), (small_dir, small))]
    spent: list[list[float]] = [[], []]
    questions = [case.asked[-1] for case in load(Path("tests/story.yaml"))]
    with progress_bar(Console(stderr=True), f"Asking of {large:,} and of {small:,} passages") as bar:
        for number, question in enumerate(bar.track(questions)):
            for which in (0, 1) if number % 2 else (1, 0):
                start = time.perf_counter()
                chains[which].invoke(question)
                spent[which].append(time.perf_counter() - start)
    for chain in chains:
        chain.index.close()
    medians = median(spent[0]) / median(spent[1])
    return f"{len(questions)} pairs: {spread(*spent)}; median ÷ median {medians:.2f}."


def loaded(data_dir: Path, size: int) -> AnswerChain:
    """A chain that has answered."""
    index, _ = open_index(data_dir, size)
    chain = AnswerChain(Settings.load(data_dir=data_dir, chat_model="extractive"), index, Scorer())
    chain.warm()
    chain.invoke("What ties OpenAI to Azure?")
    return chain


def measure(data_dir: Path, size: int | None) -> tuple[dict[str, float], Figures]:
    """What loading costs, and milliseconds of each stage, one for each question.

    Answer and floor take turns at being first, so that what slows the machine for a while slows both.
    """
    index, _ = open_index(data_dir, size)
    chain = AnswerChain(Settings.load(data_dir=data_dir, chat_model="extractive"), index, Scorer())
    index.embeddings.embed_query("warm")
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest memory so far, which the models needed
    before, start = memory("VmRSS"), time.perf_counter()
    snapshot = index.snapshot
    read = time.perf_counter() - start
    assert snapshot.lexical.size
    loading = {
        "passages": len(snapshot.passages),
        "reading the index, s": read,
        "its words, s": time.perf_counter() - start - read,
        "memory, MB": memory("VmRSS") - before,
        "memory at the highest, MB": memory("VmHWM") - before,
    }
    chain.warm()
    clock = Clock()
    clock.watch(index.embeddings, "embed_query", "embedding")
    clock.watch(index, "nearest", "dense")
    clock.watch(snapshot.lexical, "scores", "lexical")
    clock.watch(snapshot.lexical_articles, "scores", "lexical")
    clock.watch(chain._scorer, "scores", "scorer")

    half = Filters(since=median_day([article.held_on for article in snapshot.articles.values()]))
    found: Figures = defaultdict(list)
    questions = [case.asked[-1] for case in load(Path("tests/story.yaml"))]
    with progress_bar(Console(stderr=True), f"Asking of {len(snapshot.passages):,} passages") as bar:
        for number, question in enumerate(bar.track(questions)):
            figures: dict[str, float] = {}
            for ask in (floor, answer)[:: 1 if number % 2 else -1]:
                figures |= ask(chain, question, clock)
            clock.spent.clear()
            index.nearest(index.embeddings.embed_query(question), NEAREST, filters=half)
            figures["dense, half the articles filtered out"] = clock.spent["dense"]
            for name, spent in figures.items():
                found[name].append(spent)
    loading["resident in all after the answers, MB"] = memory("VmRSS")
    loading["resident in all at the highest, MB"] = memory("VmHWM")
    index.close()
    return loading, dict(found)


class Clock:
    """Adds up the milliseconds that watched methods take."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def watch(self, owner: Any, method: str, stage: str) -> None:
        """Count every call of the owner's method from now on."""
        inner = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                self.spent[stage] += (time.perf_counter() - start) * 1000

        setattr(owner, method, timed)


def floor(chain: AnswerChain, question: str, clock: Clock) -> dict[str, float]:
    """What no answer can do without."""
    start = time.perf_counter()
    chain.index.nearest(chain.index.embeddings.embed_query(question), NEAREST)
    return {FLOOR: (time.perf_counter() - start) * 1000}


def answer(chain: AnswerChain, question: str, clock: Clock) -> dict[str, float]:
    """One answer by stages."""
    clock.spent.clear()
    start = time.perf_counter()
    timings = chain.invoke(question).timings_ms
    total = (time.perf_counter() - start) * 1000
    watched = {stage: clock.spent[stage] for stage in ("embedding", "dense", "lexical", "scorer")}
    return {
        **watched,
        "standalone": timings["standalone"],
        "fusing": timings["retrieval"] - watched["embedding"] - watched["dense"] - watched["lexical"],
        "reading without scorer": timings["reading"] - watched["scorer"],
        "grounding": timings["grounding"],
        "answer without scorer": total - watched["scorer"],
        "answer": total,
    }


def report(console: Console, columns: dict[str, tuple[dict[str, float], Figures]]) -> None:
    """Print a column for each size."""
    count = len(next(iter(columns.values()))[1]["answer"])
    table = Table("ms: median (90th percentile)", *columns, title=f"{count} answers, offline, one at a time")
    for stage in STAGES:
        cells = [figures[stage] for _, figures in columns.values()]
        table.add_row(stage, *(f"{median(cell):.1f} ({quantiles(cell, n=10)[-1]:.1f})" for cell in cells))
    for name in ("answer without scorer", "answer"):
        ratios = [spread(figures[name], figures[FLOOR]) for _, figures in columns.values()]
        table.add_row(f"{name} ÷ floor, pair by pair: median (80% between)", *ratios)
    console.print(table)
    loaded = Table("Loading", *columns)
    for name in next(iter(columns.values()))[0]:
        digits = 1 if name.endswith(" s") else 0
        loaded.add_row(name, *(f"{loading[name]:,.{digits}f}" for loading, _ in columns.values()))
    console.print(loaded)


def spread(values: Sequence[float], floors: Sequence[float]) -> str:
    """The median of the ratios, and where the middle 80% lie."""
    ratios = quantiles([value / low for value, low in zip(values, floors, strict=True)], n=10)
    return f"{ratios[4]:.2f} ({ratios[0]:.2f} to {ratios[8]:.2f})"


def progress_bar(console: Console, what: str) -> Progress:
    """A bar that says what is being done."""
    return Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console)


def memory(kind: str) -> float:
    """This process's memory in MB: VmRSS now, VmHWM at the highest."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{kind}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
