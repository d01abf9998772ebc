"""Trains the network on batches of rows, and averages the weights on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from assistant.evaluation.scorer_training.epochs import Batch
from assistant.evaluation.scorer_training.model import CrossEncoder
from assistant.evaluation.scorer_training.rows import Row

_BLOCK = 1500  # tokens that go through the network at a time: rows of like length, little padding
_HEADS_FASTER = 5.0  # learning rate of the heads against the encoder's
_PASSAGE_SPANS, _PAIR_SPANS = 0.6, 0.3  # weight of the answer's start and end in the loss

B = TypeVar("B")


@dataclass(frozen=True)
class Pace:
    """How a pass goes: the encoder's learning `rate`, the share of it that is `least`, and the average's `decay`."""

    rate: float
    least: float = 0.3
    decay: float = 0.99  # about the last hundred steps


def train(
    model: CrossEncoder,
    batches: Sequence[B],
    loss_of: Callable[[CrossEncoder, B], Tensor],
    pace: Pace,
    report: Callable[[str], None],
) -> None:
    """One pass over the batches with AdamW, warm-up and linear decay; leaves the averaged weights in the model."""
    heads = [*model.token_head.parameters(), *model.mix.parameters(), *model.rank.parameters(), model.span_weight]
    encoder = [parameter for parameter in model.layers.parameters() if parameter.requires_grad]
    groups = [{"params": encoder, "lr": pace.rate}, {"params": heads, "lr": pace.rate * _HEADS_FASTER}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    warm = max(1, len(batches) // 12)

    def share(step: int) -> float:
        return min((step + 1) / warm, max(pace.least, (len(batches) - step) / max(1, len(batches) - warm)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    average = {name: value.detach().clone() for name, value in model.state_dict().items()}
    losses: list[float] = []
    model.train()
    for step, batch in enumerate(batches):
        loss = loss_of(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(encoder + heads, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        for name, value in model.state_dict().items():
            average[name].lerp_(value, 1 - min(pace.decay, (step + 1) / (step + 10)))
        losses.append(loss.item())
        if step % 50 == 49:
            report(f"step {step + 1}/{len(batches)} loss {sum(losses[-50:]) / 50:.3f}")
    model.load_state_dict(average)
    model.eval()


def batch_loss(model: CrossEncoder, batch: Batch) -> Tensor:
    """Softmax over each group's sentences and "no answer", which scores 0; and over the tokens for start and end."""
    numbered = [(number, row) for number, group in enumerate(batch) for row in group]
    blocks = _blocks(numbered)
    results = [_score(model, [row for _, row in block]) for block in blocks]
    scores, spans = (torch.cat(parts) for parts in zip(*results, strict=True))
    ordered = [pair for block in blocks for pair in block]
    member = torch.tensor([number for number, row in ordered for _ in row.segments])
    gold = torch.tensor([segment.gold for _, row in ordered for segment in row.segments])
    losses = []
    for number in range(len(batch)):
        mine = member == number
        logits = torch.cat([torch.zeros(1), scores[mine]])
        right = torch.cat([~gold[mine].any()[None], gold[mine]])
        losses.append(logits.logsumexp(0) - logits[right].logsumexp(0))
    # A passage has its sentences side by side, a pair only one: "begins nowhere here" says less there.
    spans_weight = _PASSAGE_SPANS if any(len(row.segments) > 1 for _, row in numbered) else _PAIR_SPANS
    weight = torch.tensor([1.0 if row.answer[1] else 0.5 for _, row in ordered])
    return torch.stack(losses).mean() + spans_weight * (spans * weight).sum() / weight.sum()


def _blocks(rows: list[tuple[int, Row]]) -> list[list[tuple[int, Row]]]:
    out: list[list[tuple[int, Row]]] = [[]]
    for number, row in sorted(rows, key=lambda pair: len(pair[1].ids)):
        if out[-1] and len(row.ids) * (len(out[-1]) + 1) > _BLOCK:
            out.append([])
        out[-1].append((number, row))
    return out


def _score(model: CrossEncoder, rows: list[Row]) -> tuple[Tensor, Tensor]:
    """Scores of the rows' segments, in order; and each row's loss for the answer's start and end."""
    ids = torch.zeros(len(rows), max(len(row.ids) for row in rows), dtype=torch.long)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    elsewhere = torch.ones(ids.shape, dtype=torch.bool)  # where no answer can begin; at [CLS] begins "no answer"
    elsewhere[:, 0] = False
    inside = torch.zeros(sum(len(row.segments) for row in rows), ids.shape[1])
    owners: list[int] = []
    for line, row in enumerate(rows):
        ids[line, : len(row.ids)] = torch.tensor(row.ids)
        mask[line, : len(row.ids)] = 1
        types[line, row.segments[0].start : row.segments[-1].end] = 1
        elsewhere[line, row.context : len(row.ids) - 1] = False
        for segment in row.segments:
            inside[len(owners), segment.start : segment.end] = 1
            owners.append(line)
    hidden = model.encode(ids, mask, types)
    token = model.token_head(hidden)
    scores = model.score_segments(hidden, token, inside, torch.tensor(owners))
    spans = token[:, :, :2].masked_fill(elsewhere[:, :, None], -1e4)
    start, end = torch.tensor([row.answer for row in rows]).T
    both = [functional.cross_entropy(spans[:, :, side], at, reduction="none") for side, at in enumerate((start, end))]
    return scores, (both[0] + both[1]) / 2
