"""Histograms can be added in any order and split in any way, and quantiles lie where the samples lay."""

import itertools
import math
import random
import statistics
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.measurements import histograms
from meshwright.core.measurements.histograms import Histogram

BOUNDS = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, math.inf)
"""as Istio sets its proxies' buckets, shortened"""
OTHER_BOUNDS = (2.0, 10.0, 40.0, 100.0, 300.0, math.inf)
SAMPLES = st.lists(st.floats(0, 2000), max_size=40)
SHARES = st.floats(0.01, 1)


def cumulative(samples: Sequence[float], bounds: Sequence[float] = BOUNDS) -> dict[float, float]:
    """What a proxy tells of these samples."""
    return {bound: float(sum(sample <= bound for sample in samples)) for bound in bounds}


def total(*parts: Mapping[tuple[float, float], float]) -> Histogram:
    """All of them added up."""
    result: Histogram = {}
    for part in parts:
        histograms.add(result, part)
    return result


@given(SAMPLES, SAMPLES)
def test_adding_windows_is_counting_their_samples_together(one: list[float], other: list[float]) -> None:
    """Two windows added are the histogram that one long window would have had."""
    parts = [histograms.of_cumulative(cumulative(each)) for each in (one, other)]
    assert total(*parts) == histograms.of_cumulative(cumulative([*one, *other]))


@given(st.lists(SAMPLES, max_size=5), st.randoms())
def test_order_of_adding_does_not_matter(windows: list[list[float]], chance: random.Random) -> None:
    """Proxies and windows come in any order."""
    parts = [histograms.of_cumulative(cumulative(each)) for each in windows]
    mixed = list(parts)
    chance.shuffle(mixed)
    assert total(*parts) == total(*mixed)


@given(SAMPLES.filter(bool), SHARES)
def test_quantile_lies_in_the_bucket_of_the_sample(samples: list[float], share: float) -> None:
    """The quantile is in the bucket that holds the sample of that rank; beyond the last bound it is that bound."""
    value = histograms.quantile(histograms.of_cumulative(cumulative(samples)), share)
    assert value is not None
    ranked = sorted(samples)
    sample = ranked[min(len(ranked), max(1, math.ceil(len(ranked) * share - 1e-9))) - 1]
    upper = next(bound for bound in BOUNDS if sample <= bound)
    lower = max((bound for bound in (0.0, *BOUNDS) if bound < upper), default=0.0)
    assert lower - 1e-9 <= value <= (lower if math.isinf(upper) else upper) + 1e-9


@given(SAMPLES, SAMPLES, st.lists(SHARES, min_size=2, max_size=6))
def test_quantiles_of_mixed_buckets_rise_with_the_share(
    one: list[float], other: list[float], shares: list[float]
) -> None:
    """Also where two proxies are set to different buckets; there are quantiles exactly where there are samples."""
    pooled = total(histograms.of_cumulative(cumulative(one)), histograms.of_cumulative(cumulative(other, OTHER_BOUNDS)))
    values = [histograms.quantile(pooled, share) for share in sorted(shares)]
    known = [value for value in values if value is not None]
    assert len(known) == (len(values) if one or other else 0)
    assert all(before <= after + 1e-9 for before, after in itertools.pairwise(known))
    assert sum(pooled.values()) == len(one) + len(other)


def test_quantile_of_two_windows_is_not_the_mean_of_theirs() -> None:
    """99 quick requests and 99 slow ones: the median of all is between them, and the 99th percentile is a slow one."""
    quick = histograms.of_cumulative(cumulative([3.0] * 99))
    slow = histograms.of_cumulative(cumulative([400.0]))
    both = total(quick, slow)
    p99 = histograms.quantile(both, 0.99)
    own = [histograms.quantile(each, 0.99) for each in (quick, slow)]
    assert p99 is not None and p99 <= 5.0, "one request of a hundred is slow: 99 % are not"
    assert statistics.mean(each for each in own if each is not None) > 200, "which a mean would have hidden"


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({10.0: 0.0, 20.0: 100.0, math.inf: 100.0}, 0.5, 15.0),
        ({10.0: 100.0, math.inf: 100.0}, 0.5, 5.0),
        ({10.0: 50.0, 20.0: 100.0, math.inf: 100.0}, 0.99, 19.8),
        ({10.0: 0.0, math.inf: 7.0}, 0.5, 10.0),
        ({10.0: 5.0, 20.0: 5.0, 40.0: 10.0}, 0.75, 30.0),
        ({10.0: 0.0, math.inf: 0.0}, 0.5, None),
        ({}, 0.5, None),
    ],
)
def test_quantiles_are_those_of_prometheus(buckets: dict[float, float], share: float, expected: float | None) -> None:
    """Linear within a bucket, whose first begins at zero; the last finite bound where nothing else is known."""
    value = histograms.quantile(histograms.of_cumulative(buckets), share)
    assert value == (None if expected is None else pytest.approx(expected))


@given(st.dictionaries(st.sampled_from(BOUNDS), st.floats(0, 1e6), max_size=8))
def test_no_bucket_is_below_zero(buckets: dict[float, float]) -> None:
    """Whatever was told, even cumulative numbers that shrink."""
    histogram = histograms.of_cumulative(buckets)
    assert all(count > 0 and lower <= upper for (lower, upper), count in histogram.items())
    assert sum(histogram.values()) == pytest.approx(max(buckets.values(), default=0.0))
