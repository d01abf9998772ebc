"""Trains a support model and measures it: `--help` tells how."""

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

from assistant.cross_encoder import Pair, lay_out
from assistant.evaluation.scorer_training.export import export, load_exported
from assistant.evaluation.scorer_training.model import CrossEncoder
from assistant.evaluation.scorer_training.rows import Tokens
from assistant.evaluation.scorer_training.training import Pace, train
from assistant.evaluation.support_training.data import Claim, changed, paragraphs_of, written
from assistant.grounding.entailment import MAX_CLAIM, MAX_TOKENS

_TOKENS = 1500  # of a step
_FROZEN = 2  # of the lowest layers, which stay as they are

Batch = list[tuple[Pair, bool]]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="support_training")
    parser.add_argument("--data", type=Path, required=True, help="folder with squad2-dev.json and xquad-train.json")
    parser.add_argument("--base", type=Path, required=True, help="folder with config.json and model.safetensors")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--init", type=Path, help="exported model to go on from, such as the scorer")
    parser.add_argument("--epochs", type=int, default=2, help="times that the written claims are seen once more")
    parser.add_argument("--rules", type=float, default=1.0, help="share of the rules' claims that is used")
    parser.add_argument("--rate", type=float, default=8e-5, help="learning rate of the encoder")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed)  # noqa: S311  not for secrets
    torch.manual_seed(options.seed)

    def report(line: str) -> None:
        print(line, flush=True)  # noqa: T201  the program's output
        with (options.out / "figures.txt").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    model = CrossEncoder.from_base(options.base)
    if options.init:
        load_exported(model, options.init)
    model.freeze(_FROZEN)
    tokens = Tokens()
    seen, unseen = written(held_out=False), written(held_out=True)
    ruled = [claim for claim in changed(paragraphs_of(options.data), rng) if rng.random() < options.rules]
    stages = [[*ruled, *seen], *[seen] * options.epochs]
    report(f"{len(stages[0])} claims in the first stage, {len(seen)} written ones, {len(unseen)} held out")
    for number, claims in enumerate(stages):
        rate = options.rate * (1 if number == 0 else 0.6)
        train(model, _batches(tokens, claims, rng), _loss, Pace(rate, least=0.1, decay=0.98), report)
        report(f"stage {number}: {_measured(model, tokens, unseen)}")
        export(model, options.out / f"support-{number}-int8.onnx")
    export(model, options.out / "support-int8.onnx")


def _loss(model: CrossEncoder, batch: Batch) -> Tensor:
    scores = _scores(model, [pair for pair, _ in batch])
    return functional.binary_cross_entropy_with_logits(scores, torch.tensor([float(true) for _, true in batch]))


def _batches(tokens: Tokens, claims: Sequence[Claim], rng: random.Random) -> list[Batch]:
    """Rows of like length together, in random order."""
    rows = [(_pair(tokens, claim), claim.supported) for claim in claims]
    rows.sort(key=lambda row: len(row[0].ids) + rng.random() * 12)
    out: list[Batch] = [[]]
    for row in rows:
        if out[-1] and len(row[0].ids) * (len(out[-1]) + 1) > _TOKENS:
            out.append([])
        out[-1].append(row)
    rng.shuffle(out)
    return out


def _pair(tokens: Tokens, claim: Claim) -> Pair:
    context = tokens(claim.title), tokens(claim.previous), tokens(claim.words)
    return lay_out(tokens(claim.says), *context, first=MAX_CLAIM, longest=MAX_TOKENS)


def _scores(model: CrossEncoder, pairs: Sequence[Pair]) -> Tensor:
    ids = torch.zeros(len(pairs), max(len(pair.ids) for pair in pairs), dtype=torch.long)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for line, pair in enumerate(pairs):
        ids[line, : len(pair.ids)] = torch.tensor(pair.ids)
        mask[line, : len(pair.ids)] = 1
        types[line, pair.start : pair.end] = 1
    return model(ids, mask, types)


def _measured(model: CrossEncoder, tokens: Tokens, claims: Sequence[Claim]) -> str:
    """AUROC, and by kind the share on the right side of 0."""
    if not claims:
        return "nothing held out"
    with torch.no_grad():
        scores = np.concatenate([_scores(model, [_pair(tokens, claim)]).numpy() for claim in claims])
    right: dict[str, list[bool]] = defaultdict(list)
    for claim, score in zip(claims, scores, strict=True):
        right[claim.kind].append((score > 0) == claim.supported)
    shares = ", ".join(f"{kind} {np.mean(each):.2f}" for kind, each in sorted(right.items()))
    return f"AUROC {roc_auc_score([claim.supported for claim in claims], scores):.3f}; right: {shares}"


if __name__ == "__main__":
    main()
