"""How sure a measured accuracy is: questions of one scene are alike, so whole scenes are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..randomness import generator

REPLICATES = 2_000
"""Bootstrap replicates behind an interval."""
COVERAGE = 0.95
"""Share of intervals that hold the true value."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval."""

    mean: float
    low: float | None
    """Lower end of the interval; None where one scene alone tells nothing about others."""
    high: float | None


def clustered_mean(values: NDArray[np.float64], cluster: NDArray[np.int64], seed: int = 0) -> Estimate:
    """Mean of values, with a percentile interval of the cluster bootstrap.

    The interval tells how much the mean would vary on other scenes for a solver that stays as it is: one that learns from
    scenes would learn a little else from others, so its true interval is wider where scenes are few.

    Args:
        values: shape (n,).
        cluster: shape (n,): what each value belongs to; values of one cluster are drawn together.
        seed: makes the interval reproducible.
    """
    _, member_of = np.unique(cluster, return_inverse=True)
    totals, counts = np.bincount(member_of, values), np.bincount(member_of)
    mean, num_clusters = float(values.mean()), len(counts)
    if num_clusters < 2:
        return Estimate(mean, None, None)
    rng = generator(seed, "cluster bootstrap", num_clusters)
    times = rng.multinomial(num_clusters, np.full(num_clusters, 1 / num_clusters), size=REPLICATES)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile((times @ totals) / (times @ counts), (tail, 1 - tail))
    return Estimate(mean, float(low), float(high))


def uniformity(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Chi-square statistic of counts that should be equal, and its p-value.

    A block design makes letters more even than chance would, so p-values near 1 are the rule; a small one is a fault.
    """
    result = stats.chisquare(counts)
    return float(result.statistic), float(result.pvalue)
