"""A figure with its 95% bootstrap interval, and the measures of ranking and of telling apart."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 1000
_SEED = 7

Values = NDArray[np.float64]


class Figure(NamedTuple):
    """A measured value with the bounds of its 95% bootstrap interval, over `n` questions."""

    value: float
    low: float
    high: float
    n: int


def figure(statistic: Callable[..., float], *columns: Sequence[float]) -> Figure:
    """`statistic` of the columns, row i of each belonging to question i; whole rows are drawn again with replacement.

    Percentile bootstrap (Efron 1979), 1,000 resamples from a fixed seed. A resample that the statistic cannot be had
    of (one class only) is drawn anew.

    Raises:
        ValueError: there are no rows, or the statistic cannot be had of all of them.
    """
    rows = [np.asarray(column, float) for column in columns]
    count = len(rows[0])
    if not count:
        raise ValueError("a figure needs at least one question")
    value = statistic(*rows)
    if np.isnan(value):
        raise ValueError("the figure cannot be had of these questions: they are all of one kind")
    generator = np.random.default_rng(_SEED)
    found: list[float] = []
    while len(found) < _RESAMPLES:
        drawn = generator.integers(0, count, count)
        again = statistic(*(column[drawn] for column in rows))
        if not np.isnan(again):
            found.append(again)
    low, high = np.quantile(found, (0.025, 0.975))
    return Figure(float(value), float(low), float(high), count)


def mean(values: Sequence[float]) -> Figure:
    """The mean of one value a question."""
    return figure(lambda column: float(column.mean()), values)


def auroc(labels: Sequence[bool], scores: Sequence[float]) -> Figure:
    """How often a question of the first kind scores above one of the second: area under the ROC curve."""
    return figure(_auroc, [float(label) for label in labels], scores)


def _auroc(labels: Values, scores: Values) -> float:
    from sklearn.metrics import roc_auc_score  # of the development tools; the rest of this file does without

    return float(roc_auc_score(labels, scores)) if 0 < labels.sum() < len(labels) else float("nan")


def ndcg(relevant: Sequence[bool], total: int, depth: int = 10) -> float:
    """Normalised discounted cumulative gain (Järvelin & Kekäläinen 2002) with relevance 0 or 1.

    `relevant` tells for each place of the ranking whether what stands there is relevant, `total` how many are in all.
    """
    gains = [1 / np.log2(place + 2) for place, good in enumerate(relevant[:depth]) if good]
    best = sum(1 / np.log2(place + 2) for place in range(min(depth, total)))
    return float(sum(gains) / best)


def average_precision(relevant: Sequence[bool], total: int) -> float:
    """Mean of the precision at each relevant place; what the ranking leaves out counts as never found."""
    hits = [place for place, good in enumerate(relevant, 1) if good]
    return sum(number / place for number, place in enumerate(hits, 1)) / total


def reciprocal_rank(relevant: Sequence[bool]) -> float:
    """1 divided by the place of the first relevant one; 0 without any."""
    return next((1 / place for place, good in enumerate(relevant, 1) if good), 0.0)
