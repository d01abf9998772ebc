"""Trains a scorer and measures it, or measures scorers that there are: `--help` tells how."""

import argparse
import random
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from assistant.embeddings import LocalEmbeddings
from assistant.evaluation.scorer_training.data import (
    HELD_OUT,
    HELD_OUT_STORIES,
    Example,
    Paragraph,
    packaged_stories,
    read_claims,
    read_squad,
    read_stories,
    read_written,
)
from assistant.evaluation.scorer_training.epochs import Epochs
from assistant.evaluation.scorer_training.measuring import Bench, answer_selection, lines
from assistant.reading.scorer import Scorer


class Report:
    """Says lines on the terminal and keeps them in a file."""

    def __init__(self, path: Path) -> None:
        """Start the file anew."""
        self._path = path
        self._path.write_text("", encoding="utf-8")

    def __call__(self, line: str) -> None:
        """One more line."""
        print(line, flush=True)  # noqa: T201  the program's output
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scorer_training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with squad2-dev.json, xquad-train.json, …")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--base", type=Path, help="folder with the base model's config.json and model.safetensors")
    parser.add_argument("--init", type=Path, help="exported scorer to go on from")
    parser.add_argument("--measure", type=Path, nargs="+", default=[], help="only measure these exported scorers")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--frozen", type=int, default=2, help="how many of the lowest layers stay as they are")
    parser.add_argument("--rate", type=float, default=6e-5, help="learning rate of the encoder")
    parser.add_argument("--new", type=float, default=1.0, help="share of the new weights in the mean with --init's")
    parser.add_argument("--batch", type=int, default=2400, help="tokens of a batch")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    if not options.measure and not options.base:
        parser.error("--base is needed to train")
    if options.new != 1.0 and not options.init:
        parser.error("--new needs --init")
    options.out.mkdir(parents=True, exist_ok=True)
    report = Report(options.out / "figures.txt")

    squad_articles, squad = read_squad(options.data / "squad2-dev.json")
    other_articles, other = read_squad(options.data / "xquad-train.json")
    written = read_written(squad_articles | other_articles)
    models = options.measure
    if not models:
        stories = read_stories(s for s in packaged_stories() if s["story"] not in HELD_OUT_STORIES)
        claims = read_claims(options.data / "wice-dev.jsonl")
        seen = stories + [example for example in squad + other + written if example.paragraph.article not in HELD_OUT]
        models = [options.out / "scorer-int8.onnx"]
        _train(options, seen, claims, models[0], report)

    embeddings = LocalEmbeddings()
    squad_bench = _bench(squad, list(chain(*squad_articles.values())), embeddings)
    written_bench = _bench(written, list(chain(*other_articles.values())), embeddings)
    report(f"search on held-out articles: {len(squad_bench.questions)} of SQuAD's questions")
    for line in lines(squad_bench.baselines()):
        report(line)
    for model in models:
        scorer = Scorer(model=model)
        for name, bench in (("SQuAD", squad_bench), ("written", written_bench)):
            figures, best = bench.measure(scorer)
            report(f"{model.parent.name}/{model.name}, held-out articles, {len(bench.questions)} {name} questions")
            for line in lines(figures):
                report(line)
            np.savez(options.out / f"best-{name}-{model.parent.name}-{model.stem}.npz", allow_pickle=False, **best)
        if (trec := options.data / "trecqa-dev.json").exists():
            for line in lines(answer_selection(trec, scorer, embeddings)):
                report(line)


def _bench(examples: list[Example], paragraphs: list[Paragraph], embeddings: LocalEmbeddings) -> Bench:
    return Bench([e for e in examples if e.paragraph.article in HELD_OUT], paragraphs, embeddings)


def _train(
    options: argparse.Namespace, examples: list[Example], claims: list[Example], path: Path, report: Report
) -> None:
    # Measuring needs none of this.
    import torch

    from assistant.evaluation.scorer_training.export import export, load_exported
    from assistant.evaluation.scorer_training.model import CrossEncoder
    from assistant.evaluation.scorer_training.training import Pace, batch_loss, train

    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)  # noqa: S311
    model = CrossEncoder.from_base(options.base)
    if options.init:
        load_exported(model, options.init)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.freeze(options.frozen if options.init else 0)
    epochs = Epochs(examples, claims, rng)
    batches = [batch for _ in range(options.epochs) for batch in epochs.batches(options.batch)]
    unanswerable = sum(not example.gold for example in examples)
    report(
        f"{len(examples)} questions, {unanswerable} of them unanswerable, {len(claims)} claims, {len(batches)} steps"
    )
    begin = time.monotonic()
    train(model, batches, batch_loss, Pace(options.rate), report)
    report(f"trained in {time.monotonic() - begin:.0f} s")
    # Between the weights before and after, what was learnt and what was known both stay (arXiv:2109.01903).
    after = model.state_dict()
    model.load_state_dict({name: torch.lerp(value, after[name], options.new) for name, value in before.items()})
    torch.save(model.state_dict(), path.with_suffix(".pt"))
    export(model, path)
    report(f"{path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
