"""How often the gate decides rightly, by simulation with the noise of two real trainings.

`two_seeds.npz` holds, for each sentence of the demo's eval split, its bytes and the bits that two models took for it:
the demo's with `trainer.seed` 1 and 2 (numbers only, float32; 2,669 sentences).
"""

import math
from pathlib import Path

import numpy as np
import pytest
from tfx_lm.exported.gate import decide
from tfx_lm.exported.gate_options import GateOptions
from tfx_lm.exported.scores import PairedSums
from tfx_lm.exported.sums import MODEL_OUTPUTS

GATE = GateOptions(max_bits_per_byte=100.0, tolerance=0.005)


@pytest.fixture(scope="module")
def sentences():
    """Bytes, the baseline's bits, and the difference that another seed makes, which is 0 over all sentences."""
    with np.load(Path(__file__).with_name("two_seeds.npz")) as found:
        size, first, second = (found[name].astype(np.float64) for name in ("bytes", "first", "second"))
    noise = first - second
    return size, second, noise - size * noise.sum() / size.sum()


def outputs(bits, size):
    values = {"nll": bits * math.log(2), "tokens": np.ones_like(bits), "bytes": size}
    return {name: values.get(name, np.zeros_like(bits)) for name in MODEL_OUTPUTS}


def blessings(sentences, worse, gate=GATE):
    """In how many of 100 samples of 2,000 sentences a candidate that is worse by this share is blessed."""
    size, baseline, noise = sentences
    count = 0
    for seed in range(100):
        rows = np.random.default_rng(seed).integers(0, size.size, 2000)
        candidate = baseline[rows] * (1 + worse) + noise[rows]
        pair = PairedSums.from_outputs(outputs(candidate, size[rows]), outputs(baseline[rows], size[rows]))
        names = ("perplexity", "bits_per_byte", "tokens", "oov_tokens")
        scores = {name: getattr(pair.candidate, name) for name in names}
        count += decide(gate, scores, pair.change("bits_per_byte")).blessed
    return count


def test_a_model_that_is_2_percent_worse_is_refused(sentences):
    assert blessings(sentences, 0.02) <= 1


def test_an_equal_model_is_blessed(sentences):
    assert blessings(sentences, 0.0) >= 95


def test_a_model_that_is_2_percent_better_is_blessed(sentences):
    assert blessings(sentences, -0.02) >= 95


def test_a_model_at_the_edge_of_the_tolerance_passes_one_time_in_twenty(sentences):
    # 5 of 100, three standard deviations either way: it is neither never nor often.
    assert 0 < blessings(sentences, GATE.tolerance) <= 12


def test_a_zero_tolerance_takes_the_better_only(sentences):
    strict = GateOptions(max_bits_per_byte=100.0, tolerance=0.0)
    assert blessings(sentences, 0.0, strict) <= 12
    assert blessings(sentences, -0.02, strict) >= 95


def test_without_pairing_the_same_sentences_could_not_tell(sentences):
    """What the pairing is for: each score alone is known many times less exactly than their difference."""
    size, baseline, noise = sentences
    pair = PairedSums.from_outputs(outputs(baseline + noise, size), outputs(baseline, size))
    alone = PairedSums.from_outputs(outputs(baseline, size), outputs(np.zeros_like(baseline), size)).bits
    paired = pair.change("bits_per_byte")
    assert (alone.upper() - alone.lower()) / alone.ratio > 5 * (paired.upper - paired.lower)
