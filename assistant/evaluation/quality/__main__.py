"""The quality bench's command: `python -m assistant.evaluation.quality FOLDER`."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from assistant.chain import build_chain
from assistant.evaluation.metrics import METRICS
from assistant.evaluation.quality import measure
from assistant.evaluation.quality.injections import injections
from assistant.evaluation.quality.measure import PARTS, Figures, Workbench, tracked
from assistant.evaluation.runner import run
from assistant.evaluation.testset import load
from assistant.settings import Settings

#: What is looked for in the folder, and how it is measured.
_SETS: dict[str, Callable[[Workbench, Path], Figures]] = {
    "scifact": measure.scifact,
    "squad2-*.json": measure.squad2,
    "trecqa-*.json": measure.trecqa,
    "inscit-*.json": measure.inscit,
    "wice-*.jsonl": measure.wice,
    "injection-*.json": injections,
}
#: Figures that others have published, or that plain methods give, on these sets (not on these very splits).
_PUBLISHED = {
    ("scifact", "ndcg@10"): "MiniLM .645, BM25 .665-.676, hybrid .714-.723, bge-base .738",
    ("squad2", "top-1"): "BM25 .68, MiniLM .62, their fusion .71-.76",
    ("squad2", "top-3"): "fusion .89-.90",
    ("squad2", "auroc"): "best score .64",
    ("trecqa", "map"): "BM25 .700, CNN .765",
    ("trecqa", "mrr"): "BM25 .788, CNN .819",
    ("inscit", "hit@1"): "BM25: last turn alone .52, history pasted in .18",
    ("wice", "auroc"): "word overlap .70, GPT-3.5 .57, GPT-4 .80, T5-3B tuned .95",
}
_STORY = Path("tests/story.yaml")
_STORY_FIGURES = ("right_sentence_cited", "false_refusals", "declined_as_it_should")


def main(
    folder: Annotated[Path, typer.Argument(help="Folder with the outside sets", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="Where the figures go, as JSON")] = Path("bench-quality.json"),
    without: Annotated[list[str] | None, typer.Option(help=f"Switch off: {', '.join(PARTS)}")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these sets, by file name without its ending")] = None,
    subject: Annotated[list[str] | None, typer.Option(help="SQuAD: only questions on these articles")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where the indexes are kept")] = Path(".quality"),
    curve: Annotated[Path | None, typer.Option(help="Draw false answers against false refusals here (SVG)")] = None,
) -> None:
    """Measure retrieval, reader, follow-ups and grounding on outside data, and print it beside what is published."""
    console = Console()
    off = without or []
    if unknown := sorted(set(off) - set(PARTS)):
        raise typer.BadParameter(f"{', '.join(unknown)}: no such part; there are {', '.join(PARTS)}.")
    bench = Workbench(data_dir, tracked(console), off, subject or ())
    found: dict[str, Figures] = {}
    for pattern, take in _SETS.items():
        paths = sorted(folder.glob(pattern))
        if not paths:
            console.print(f"{pattern}: not in {folder}, skipped.")
        for path in paths:
            if only and path.stem not in only:
                continue
            found[path.stem] = take(bench, path)
            if curve and len({answerable for answerable, _ in bench.confidences}) == 2:
                _draw(bench.confidences, path.stem, curve)
                bench.confidences = []
    if not off and (not only or "story" in only) and _STORY.exists():
        found["story"] = _story(data_dir)
    _show(console, found, off)
    out.write_text(
        json.dumps({key: {name: f._asdict() for name, f in fs.items()} for key, fs in found.items()}, indent=1)
    )
    console.print(f"Written to {out}.")


def _story(data_dir: Path) -> Figures:
    """The project's own test set, answered by quoting."""
    chain = build_chain(Settings.load(data_dir=data_dir / "story", chat_model="extractive"))
    try:
        chain.sync()
        result = run(load(_STORY), chain)
    finally:
        chain.index.close()
    return {METRICS[name].title.lower(): value for name in _STORY_FIGURES if (value := result.figure(name))}


def _show(console: Console, found: dict[str, Figures], off: Iterable[str]) -> None:
    table = Table("set", "figure", "n", "value", "95% interval", "published")
    if off:
        table.title = f"Without {', '.join(off)}"
    for key, figures in found.items():
        for name, value in figures.items():
            known = _PUBLISHED.get((key.partition("-")[0], name), "")
            interval = f"{value.low:.3f} to {value.high:.3f}"
            table.add_row(key, name, str(value.n), f"{value.value:.3f}", interval, known)
        table.add_section()
    console.print(table)


def _draw(confidences: Sequence[tuple[bool, float]], name: str, path: Path) -> None:
    from matplotlib.figure import Figure as Canvas

    present = sorted(confidence for answerable, confidence in confidences if answerable)
    absent = [confidence for answerable, confidence in confidences if not answerable]
    thresholds = [present[int(len(present) * share / 100)] for share in range(100)]
    canvas = Canvas(figsize=(5.2, 4.2), layout="constrained")
    axes = canvas.add_subplot()
    axes.plot(
        [sum(value < level for value in present) / len(present) for level in thresholds],
        [sum(value >= level for value in absent) / len(absent) for level in thresholds],
    )
    axes.set(xlabel="false refusals, of answerable questions", ylabel="false answers, of unanswerable questions")
    axes.set(title=f"{name}: {len(present)} answerable, {len(absent)} unanswerable", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    canvas.savefig(path, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    typer.run(main)
