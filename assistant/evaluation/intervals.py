"""Statistics of small samples: intervals, paired tests, agreement. None of them divides by zero."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from assistant.evaluation.quality.figures import Figure, mean

_Z = 1.959963984540054  # the normal distribution's quantile for 95%, two-sided


class Difference(NamedTuple):
    """By how much the second of two paired samples is above the first, with its 95% interval."""

    value: float
    low: float
    high: float
    n: int

    @property
    def significant(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    @property
    def points(self) -> str:
        """The difference in percentage points, with its sign, and 0 without a minus."""
        return f"{round(100 * self.value, 1) + 0.0:+.1f} pp"


def average(values: Sequence[float]) -> Figure | None:
    """The mean with its 95% interval; None of nothing.

    Shares of yes and no get Wilson's score interval (1927), which is right for small counts and at 0 and 1; other
    values the percentile bootstrap (Efron 1979).
    """
    if not values:
        return None
    if all(value in (0, 1) for value in values):
        return wilson(int(sum(values)), len(values))
    return mean(values)


def wilson(hits: int, count: int) -> Figure:
    """`hits` of `count` as a share, with Wilson's score interval. `count` must be positive."""
    share, square = hits / count, _Z * _Z
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count)) / (1 + square / count)
    return Figure(share, max(centre - half, 0.0), min(centre + half, 1.0), count)


def mcnemar(better: int, worse: int) -> float:
    """The exact two-sided p-value of McNemar's test (1947): `better` and `worse` count the pairs that changed."""
    changed = better + worse
    if not changed:
        return 1.0
    tail = sum(math.comb(changed, k) for k in range(min(better, worse) + 1)) / 2**changed
    return float(min(1.0, 2 * tail))


def difference(before: Sequence[float], after: Sequence[float]) -> Difference | None:
    """The mean of the paired differences, with its bootstrap interval; None where there are no pairs."""
    if not before:
        return None
    deltas = np.asarray(after, float) - np.asarray(before, float)
    return Difference(*mean(deltas.tolist()))


def kappa(both: int, first: int, second: int, neither: int) -> float | None:
    """Cohen's kappa (1960) of two judges who say yes or no: agreement beyond chance.

    `first` counts what only the first calls right. None where there is nothing, or where chance alone must agree.
    """
    total = both + first + second + neither
    if not total:
        return None
    agreed = (both + neither) / total
    yes_one, yes_two = (both + first) / total, (both + second) / total
    chance = yes_one * yes_two + (1 - yes_one) * (1 - yes_two)
    return (agreed - chance) / (1 - chance) if chance < 1 else None
