import dataclasses
import functools
import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.exported.sums import MODEL_OUTPUTS, EvaluationSums

FIELDS = [field.name for field in dataclasses.fields(EvaluationSums)]
# Quarters, so that float64 adds them exactly and equality can be asked for.
amounts = st.integers(0, 10**9).map(lambda quarters: quarters / 4)
sums = st.builds(EvaluationSums, *[amounts] * len(FIELDS))


@pytest.mark.slow
@given(sums, sums, sums)
def test_addition_is_associative_and_commutative(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a


@given(sums)
def test_the_empty_sum_is_the_identity(a):
    assert a + EvaluationSums() == EvaluationSums() + a == a
    assert EvaluationSums.merge([]) == EvaluationSums()


@pytest.mark.slow
@given(st.lists(st.tuples(sums, st.integers(0, 6)), max_size=30), st.randoms())
def test_any_sharding_and_order_gives_the_same(parts, random):
    whole = functools.reduce(operator.add, [part for part, _ in parts], EvaluationSums())
    shards = [EvaluationSums.merge(part for part, shard in parts if shard == number) for number in range(7)]
    random.shuffle(shards)
    # A generator: merge may read it once only.
    assert EvaluationSums.merge(shard for shard in shards) == whole


@given(st.lists(st.floats(0, 1e4, width=32), min_size=1, max_size=200), st.integers(1, 50))
def test_batches_of_any_size_give_the_same_sums(losses, size):
    outputs = {name: np.array(losses, np.float32) for name in MODEL_OUTPUTS}
    whole = EvaluationSums.from_outputs(outputs)
    batches = [
        EvaluationSums.from_outputs({name: values[start : start + size] for name, values in outputs.items()})
        for start in range(0, len(losses), size)
    ]
    merged = EvaluationSums.merge(batches)
    assert merged.nll == pytest.approx(math.fsum(np.array(losses, np.float32).tolist()), rel=1e-12)
    assert merged.nll == pytest.approx(whole.nll, rel=1e-12)
    assert merged.sentences == len(losses)


def test_the_sums_of_each_sentence_are_those_of_its_row():
    outputs = {name: np.array([1.5, math.inf, math.nan], np.float32) for name in MODEL_OUTPUTS}
    rows = [EvaluationSums.from_outputs({name: value[[row]] for name, value in outputs.items()}) for row in range(3)]
    found = EvaluationSums.each_of_outputs(outputs)
    assert [str(sums) for sums in found] == [str(sums) for sums in rows]
    assert found[0] == EvaluationSums(*[1.5] * len(MODEL_OUTPUTS), sentences=1.0)


def test_the_worked_example():
    total = EvaluationSums(nll=3 * math.log(16), tokens=3, bytes=8, sentences=1) + EvaluationSums(
        nll=2 * math.log(16), tokens=2, bytes=4, sentences=1
    )
    assert total.tokens == 5
    assert total.cross_entropy == pytest.approx(math.log(16))
    assert total.perplexity == pytest.approx(16)
    assert total.bits_per_byte == pytest.approx(5 * 4 / 12)


def test_derived_values_by_hand():
    total = EvaluationSums(
        nll=10 * math.log(2), tokens=6, bytes=30, oov_tokens=2, oov_nll=2 * math.log(2), truncated_tokens=2,
        spelled_bytes=5, sentences=2,
    )  # fmt: skip
    assert total.perplexity == pytest.approx(2 ** (10 / 6))
    assert total.perplexity_without_oov == pytest.approx(2 ** (8 / 4))
    assert total.bits_per_byte == pytest.approx((10 + 8 * 5) / 30)
    assert total.oov_rate == pytest.approx(2 / 6)
    assert total.truncation_rate == pytest.approx(2 / 8)


def test_bits_per_byte_is_that_of_the_evaluation_harness():
    # lm-evaluation-harness: -(sum of log-likelihoods / sum of bytes) / ln 2.
    log_likelihoods, sizes = [-20.5, -3.25, -111.0], [31, 6, 140]
    total = EvaluationSums(nll=-sum(log_likelihoods), tokens=30, bytes=sum(sizes), sentences=3)
    assert total.bits_per_byte == pytest.approx(-(sum(log_likelihoods) / sum(sizes)) / math.log(2))


def test_a_smaller_vocabulary_lowers_perplexity_and_raises_bits_per_byte():
    # The same 100 words of 5 bytes with a space each: all known at 9 bits, or 60 of them <unk> at 1 bit.
    large = EvaluationSums(nll=100 * 9 * math.log(2), tokens=100, bytes=600)
    small = EvaluationSums(
        nll=(40 * 6 + 60) * math.log(2), tokens=100, bytes=600, oov_tokens=60, oov_nll=60 * math.log(2),
        spelled_bytes=360,
    )  # fmt: skip
    assert small.perplexity < large.perplexity / 10
    assert small.bits_per_byte > 2 * large.bits_per_byte


@pytest.mark.parametrize(
    "name", ["cross_entropy", "perplexity", "perplexity_without_oov", "bits_per_byte", "oov_rate", "truncation_rate"]
)
def test_nothing_scored_is_nan(name):
    assert math.isnan(getattr(EvaluationSums(), name))


def test_nothing_but_unknown_words_leaves_no_perplexity_without_them():
    total = EvaluationSums(nll=4.0, tokens=2, oov_tokens=2, oov_nll=4.0, bytes=8)
    assert math.isnan(total.perplexity_without_oov)
    assert total.perplexity == pytest.approx(math.exp(2))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_shows(bad):
    total = EvaluationSums(nll=5.0, tokens=5, bytes=9) + EvaluationSums(nll=bad, tokens=1, bytes=2)
    for value in (total.cross_entropy, total.perplexity, total.bits_per_byte):
        assert math.isnan(value) if math.isnan(bad) else value == math.inf


def test_a_blow_up_is_infinite_and_no_error():
    assert EvaluationSums(nll=1e6, tokens=10, bytes=9).perplexity == math.inf


def test_missing_and_uneven_outputs():
    outputs = {name: np.ones(3, np.float32) for name in MODEL_OUTPUTS}
    with pytest.raises(ValueError, match="model outputs lack oov_nll, spelled_bytes"):
        EvaluationSums.from_outputs({k: v for k, v in outputs.items() if k not in ("oov_nll", "spelled_bytes")})
    with pytest.raises(ValueError, match="'bytes': 2"):
        EvaluationSums.from_outputs({**outputs, "bytes": np.ones(2)})
    assert EvaluationSums.from_outputs({**outputs, "words": np.array([b"a"])}).sentences == 3
    with pytest.raises(TypeError):
        EvaluationSums() + 1.0
