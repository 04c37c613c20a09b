import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tfx_lm.exported.scores import PairedSums, ScoreSums
from tfx_lm.exported.sums import MODEL_OUTPUTS, EvaluationSums

LN2 = math.log(2)


def outputs(nll, tokens, size, spelled=0.0):
    """What a model returns for sentences of which nothing else is known."""
    values = {"nll": nll, "tokens": tokens, "bytes": size, "spelled_bytes": spelled}
    shape = np.shape(nll)
    return {name: np.broadcast_to(np.asarray(values.get(name, 0.0)), shape) for name in MODEL_OUTPUTS}


def example():
    candidate = outputs(np.array([17, 15, 20]) * LN2, 4, 8)
    return candidate, outputs(np.array([16, 16, 16]) * LN2, 4, 8)


def test_the_worked_example_of_a_pair():
    pair = PairedSums.from_outputs(*example())
    change = pair.change("bits_per_byte")
    assert change.relative == pytest.approx(4 / 48)
    error = math.sqrt(3 / 2 * 38 / 3) / 24
    assert error == pytest.approx(0.1816, abs=1e-4)
    assert change.upper == pytest.approx((4 / 24 + stats.t.ppf(0.95, 2) * error) / 2)
    assert change.upper == pytest.approx(0.348, abs=1e-3)
    assert change.lower == pytest.approx((4 / 24 - stats.t.ppf(0.95, 2) * error) / 2)
    assert change.sentences == 3


def test_a_perplexity_changes_by_the_exponential_of_the_difference():
    pair = PairedSums.from_outputs(*example())
    change = pair.change("perplexity")
    assert change.relative == pytest.approx(2 ** (4 / 12) - 1)
    assert change.relative == pytest.approx(pair.candidate.perplexity / pair.baseline.perplexity - 1)


def test_unknown_words_count_as_spelled_out():
    candidate = outputs(np.array([8.0]) * LN2, 4, 8, spelled=2.0)
    pair = PairedSums.from_outputs(candidate, outputs(np.array([16.0]) * LN2, 4, 8))
    assert pair.change("bits_per_byte").relative == pytest.approx(8 / 16)


def test_perplexities_of_other_tokens_cannot_be_compared():
    candidate, baseline = example()
    change = PairedSums.from_outputs(candidate, {**baseline, "tokens": np.array([4, 4, 5])}).change("perplexity")
    assert math.isnan(change.relative)
    assert math.isnan(change.upper)


def test_the_same_sentences_must_be_scored():
    with pytest.raises(ValueError, match="the candidate scored 3 sentences and the baseline 2"):
        PairedSums.from_outputs(example()[0], outputs(np.zeros(2), 1, 1))


def test_the_pair_is_known_better_than_either_score():
    generator = np.random.default_rng(2)
    hard = generator.gamma(2.0, 30.0, 400)
    ours = outputs(hard + generator.normal(0, 2.0, 400), 20, 100)
    pair = PairedSums.from_outputs(ours, outputs(hard, 20, 100))
    low, high = ScoreSums.from_outputs(ours).bits_per_byte_ci95
    change = pair.change("bits_per_byte")
    assert change.upper - change.lower < 0.1 * (high - low) / pair.baseline.bits_per_byte


quarters = st.integers(0, 10**6).map(lambda value: value / 4)


@pytest.mark.slow
@given(st.lists(st.tuples(quarters, quarters, st.integers(0, 4)), max_size=40), st.randoms())
def test_any_sharding_and_order_gives_the_same(sentences, random):
    def part(rows):
        ours, theirs = (outputs(np.array([row[i] for row in rows], np.float64), 3, 7) for i in (0, 1))
        return PairedSums.from_outputs(ours, theirs), ScoreSums.from_outputs(ours)

    parts = [part([row for row in sentences if row[2] == shard]) for shard in range(5)]
    random.shuffle(parts)
    pair, score = part(sentences)
    merged = PairedSums.merge(pair for pair, _ in parts)
    assert merged.nats == pair.nats
    assert merged.candidate == pair.candidate
    for name in ("numerator", "numerator_squared", "product"):
        assert getattr(merged.bits, name) == pytest.approx(getattr(pair.bits, name), rel=1e-12, abs=1e-6)
    assert ScoreSums.merge(score for _, score in parts).nats == score.nats
    assert ScoreSums.merge([]) == ScoreSums()
    assert PairedSums.merge([]) == PairedSums()


def test_one_score_in_two_forms():
    candidate, _ = example()
    score = ScoreSums.from_outputs(candidate)
    assert score.totals == EvaluationSums.from_outputs(candidate)
    assert score.nats.ratio == score.totals.cross_entropy
    assert score.bits.ratio == pytest.approx(score.totals.bits_per_byte, rel=1e-15)
    low, high = score.perplexity_ci95
    assert low < score.totals.perplexity < high
    assert math.log(low) + math.log(high) == pytest.approx(2 * score.totals.cross_entropy)
