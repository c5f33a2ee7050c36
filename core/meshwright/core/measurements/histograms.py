"""Histograms of latencies: merged by adding their buckets, and only then asked for quantiles.

Problem: an average of quantiles is no quantile, and proxies of one mesh may be set to different buckets. Invariant: all
samples are kept as numbers between two bounds, so any histograms can be added, over proxies as over windows; a quantile
lies within the bucket in which the quantile of the pooled samples lies.
"""

import itertools
import math
from collections.abc import Mapping
from typing import TypeAlias

Histogram: TypeAlias = dict[tuple[float, float], float]
"""Samples by (lower bound, upper bound); the last bucket may have no upper bound (infinity)."""


def of_cumulative(buckets: Mapping[float, float]) -> Histogram:
    """From numbers of samples at or below each bound, as Prometheus has them; one that shrinks counts as equal."""
    histogram: Histogram = {}
    lower, below = 0.0, 0.0
    for upper, count in sorted(buckets.items()):
        if count > below:
            histogram[min(lower, upper), upper] = count - below
            below = count
        lower = upper
    return histogram


def add(total: Histogram, more: Mapping[tuple[float, float], float]) -> None:
    """Add the samples of another histogram."""
    for bounds, count in more.items():
        total[bounds] = total.get(bounds, 0.0) + count


def quantile(histogram: Mapping[tuple[float, float], float], share: float) -> float | None:
    """The value below which this share (0 to 1) of the samples lies, even within a bucket; None without samples.

    Of a bucket without upper bound nothing is known but its lower one, which is then the answer.
    """
    occupied = {bounds: count for bounds, count in histogram.items() if count > 0}
    if not occupied:
        return None
    if (buckets := _apart(occupied)) is not None:
        return _of_neighbours(buckets, share)
    bounds = sorted({bound for pair in occupied for bound in pair if not math.isinf(bound)})
    rank, end = sum(occupied.values()) * share, bounds[-1]
    for lower, upper in itertools.pairwise(bounds):
        within = sum(_between(pair, lower, upper) * count for pair, count in occupied.items())
        if within > 0 and rank <= within:
            return lower + (upper - lower) * rank / within
        rank -= within
        end = upper if within > 0 else end
    return bounds[-1] if any(math.isinf(upper) for _, upper in occupied) else end


def _apart(occupied: Mapping[tuple[float, float], float]) -> list[tuple[tuple[float, float], float]] | None:
    """The buckets in their order when none overlaps another, as in every histogram of one kind of proxy."""
    buckets = sorted(occupied.items())
    if all(before[0][1] <= after[0][0] for before, after in itertools.pairwise(buckets)):
        return buckets
    return None


def _of_neighbours(buckets: list[tuple[tuple[float, float], float]], share: float) -> float:
    """The quantile of buckets that do not overlap."""
    rank = sum(count for _, count in buckets) * share
    for (lower, upper), count in buckets:
        if rank <= count and not math.isinf(upper):
            return lower + (upper - lower) * rank / count
        rank -= count
    (lower, upper), _ = buckets[-1]
    return lower if math.isinf(upper) else upper


def _between(pair: tuple[float, float], lower: float, upper: float) -> float:
    """The share of a bucket's samples between two neighbouring bounds."""
    if lower < pair[0] or upper > pair[1] or math.isinf(pair[1]):
        return 0.0
    return (upper - lower) / (pair[1] - pair[0])
