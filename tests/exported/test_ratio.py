import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tfx_lm.exported.ratio import RatioSums

# Whole numbers, so that float64 adds them and their squares exactly and equality can be asked for.
pairs = st.lists(st.tuples(st.integers(0, 10**5), st.integers(1, 10**4)), min_size=1, max_size=40)


def of(pairs):
    return RatioSums.from_values([x for x, _ in pairs], [y for _, y in pairs])


def test_the_worked_example():
    sums = RatioSums.from_values([4, 3, 5], [2, 1, 3])
    assert sums.ratio == 2
    assert sums.standard_error == pytest.approx(math.sqrt(1 / 12))
    margin = stats.t.ppf(0.975, 2) * math.sqrt(1 / 12)
    assert sums.interval() == pytest.approx((2 - margin, 2 + margin))
    assert sums.upper() == pytest.approx(2 + stats.t.ppf(0.95, 2) * math.sqrt(1 / 12))
    assert sums.lower() == pytest.approx(2 - stats.t.ppf(0.95, 2) * math.sqrt(1 / 12))


@pytest.mark.slow
@given(pairs, st.lists(st.integers(0, 4), min_size=40, max_size=40), st.randoms())
def test_any_sharding_and_order_gives_the_same(values, shards, random):
    parts = [of([pair for pair, shard in zip(values, shards, strict=False) if shard == n]) for n in range(5)]
    random.shuffle(parts)
    assert RatioSums.merge(part for part in parts) == of(values)
    assert RatioSums.merge([]) == RatioSums()


@given(pairs)
def test_the_standard_error_is_that_of_the_deviations(values):
    sums = of(values)
    if len(values) == 1:
        assert math.isnan(sums.standard_error)
        return
    x, y = (np.array(column, np.float64) for column in zip(*values, strict=True))
    deviations = x - sums.ratio * y
    expected = math.sqrt(len(values) / (len(values) - 1) * (deviations**2).sum()) / y.sum()
    assert sums.standard_error == pytest.approx(expected, rel=1e-6, abs=1e-6 * sums.ratio)


def test_an_interval_covers_as_often_as_it_says():
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(1000):
        tokens = generator.integers(2, 60, 200)
        losses = tokens * 4.0 + generator.normal(0, np.sqrt(tokens) * 3)
        low, high = RatioSums.from_values(losses, tokens).interval()
        covered += low <= 4.0 <= high
    # 95 % of 1,000, three standard deviations either way.
    assert 929 <= covered <= 971


def test_a_constant_ratio_is_certain():
    assert RatioSums.from_values(np.arange(1, 100) * math.log(7), np.arange(1, 100)).interval() == pytest.approx(
        (math.log(7), math.log(7)), rel=1e-7
    )


def test_nothing_and_nan_and_infinity():
    assert math.isnan(RatioSums().ratio)
    assert math.isnan(RatioSums().upper())
    assert math.isnan(RatioSums.from_values([1.0, math.nan], [1, 1]).standard_error)
    broken = RatioSums.from_values([1.0, math.inf, 2.0], [1, 1, 1])
    assert broken.ratio == math.inf
    assert math.isnan(broken.upper())


def test_a_numerator_for_each_denominator():
    with pytest.raises(ValueError, match="2 numerators and 1 denominators"):
        RatioSums.from_values([1, 2], [1])
