"""Trains a support model and measures it: `--help` tells how."""

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional

from assistant.cross_encoder import Pair, lay_out
from assistant.evaluation.scorer_training.export import export, load_exported
from assistant.evaluation.scorer_training.model import CrossEncoder
from assistant.evaluation.scorer_training.rows import Tokens
from assistant.evaluation.support_training.data import Claim, changed, paragraphs_of, written
from assistant.grounding.entailment import MAX_CLAIM, MAX_TOKENS

_TOKENS = 1500  # of a step
_FROZEN = 2  # of the lowest layers, which stay as they are
_DECAY = 0.98  # of the weights' moving average, which is what is kept


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
        _pass(model, tokens, claims, rate, rng, report)
        report(f"stage {number}: {_measured(model, tokens, unseen)}")
        export(model, options.out / f"support-{number}-int8.onnx")
    export(model, options.out / "support-int8.onnx")


def _pass(
    model: CrossEncoder, tokens: Tokens, claims: Sequence[Claim], rate: float, rng: random.Random,
    report: Callable[[str], None],
) -> None:  # fmt: skip
    """One pass with AdamW, warm-up and linear decay; leaves the averaged weights in the model."""
    batches = _batches(tokens, claims, rng)
    heads = [*model.token_head.parameters(), *model.mix.parameters(), *model.rank.parameters(), model.span_weight]
    encoder = [parameter for parameter in model.layers.parameters() if parameter.requires_grad]
    groups = [{"params": encoder, "lr": rate}, {"params": heads, "lr": rate * 5}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    warm = max(1, len(batches) // 12)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warm, max(0.1, (len(batches) - step) / max(1, len(batches) - warm))),
    )
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    losses: list[float] = []
    started = time.monotonic()
    model.train()
    for step, batch in enumerate(batches):
        scores = _scores(model, [pair for pair, _ in batch])
        loss = functional.binary_cross_entropy_with_logits(scores, torch.tensor([float(s) for _, s in batch]))
        loss.backward()
        nn.utils.clip_grad_norm_(encoder + heads, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        for name, value in model.state_dict().items():
            average[name].lerp_(value, 1 - min(_DECAY, (step + 1) / (step + 10)))
        losses.append(loss.item())
        if step % 50 == 49:
            spent = time.monotonic() - started
            report(f"step {step + 1}/{len(batches)} loss {sum(losses[-50:]) / 50:.3f} {spent:.0f} s")
    model.load_state_dict(average)
    model.eval()


def _batches(tokens: Tokens, claims: Sequence[Claim], rng: random.Random) -> list[list[tuple[Pair, bool]]]:
    """Rows of like length together, in random order."""
    rows = [(_pair(tokens, claim), claim.supported) for claim in claims]
    rows.sort(key=lambda row: len(row[0].ids) + rng.random() * 12)
    out: list[list[tuple[Pair, bool]]] = [[]]
    for row in rows:
        if out[-1] and len(row[0].ids) * (len(out[-1]) + 1) > _TOKENS:
            out.append([])
        out[-1].append(row)
    rng.shuffle(out)
    return out


def _pair(tokens: Tokens, claim: Claim) -> Pair:
    context = tokens(claim.title), tokens(claim.previous), tokens(claim.words)
    return lay_out(tokens(claim.says), *context, first=MAX_CLAIM, longest=MAX_TOKENS)


def _scores(model: CrossEncoder, pairs: Sequence[Pair]) -> torch.Tensor:
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
