"""The benchmark of ways to regularise: its variants and its ratios. Its trainings are those of the trainer's tests."""

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from tfx_lm.model.options import TrainerOptions


@pytest.fixture
def regularisation(benchmark_module):
    return benchmark_module("regularisation")


def test_every_variant_is_a_configuration(regularisation):
    for variant in regularisation.VARIANTS.values():
        TrainerOptions.from_config({**regularisation.TRAINER, **variant.options})


def test_the_ratios(regularisation):
    results = {
        name: regularisation.Result(perplexity, 3, 4, 240.0) for name, perplexity in (("baseline", 200.0), ("x", 150.0))
    }
    assert regularisation.ratios_of(results) == {"x": 0.75}
    assert regularisation.ratios_of({"x": results["x"]}) == {}


def test_an_unknown_variant_is_refused_before_any_work(regularisation, text):
    done = CliRunner().invoke(regularisation.main, ["--data", str(text), "--variants", "baseline;dropword"])
    assert done.exit_code == 2
    assert "dropword: must be among baseline; " in " ".join(done.output.split())


@pytest.fixture
def tried(benchmark_module):
    return benchmark_module("shared.tried_models")


EMBEDDED = tf.constant(np.random.default_rng(1).normal(size=(2, 3, 4)), tf.float32)
SEED = tf.constant([1, 2])


def model_of(kind):
    tf.keras.utils.set_random_seed(1)  # of the weights
    return kind(
        clip_norm=1.0, seed=1, vocabulary_size=9, embedding_units=4, units=4, layers=2, dropout=0.0, use_cudnn=False
    )


def test_a_normalised_layer_has_mean_0_and_variance_1(tried):
    model = model_of(tried.LayerNorm)
    expected = EMBEDDED
    for layer in model.recurrent:
        states = np.asarray(layer(expected), np.float64)
        variance = np.var(states, axis=-1, keepdims=True)
        expected = (states - np.mean(states, axis=-1, keepdims=True)) / np.sqrt(variance + 1e-5)
    normalised = model.hidden_of(EMBEDDED, SEED)
    np.testing.assert_allclose(normalised, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(np.mean(normalised, axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(np.var(normalised, axis=-1), variance[..., 0] / (variance[..., 0] + 1e-5), atol=1e-3)


def test_words_are_dropped_in_training_only(tried, monkeypatch):
    model = model_of(tried.WordDropout)
    whole = super(tried.WordDropout, model).hidden_of(EMBEDDED)
    np.testing.assert_array_equal(model.hidden_of(EMBEDDED), whole)
    monkeypatch.setattr(tried, "DROPPED_WORDS", 0.0)
    np.testing.assert_allclose(model.hidden_of(EMBEDDED, SEED), whole, rtol=1e-6)
    monkeypatch.setattr(tried, "DROPPED_WORDS", 1 - 1e-7)
    nothing = super(tried.WordDropout, model).hidden_of(tf.zeros_like(EMBEDDED))
    np.testing.assert_allclose(model.hidden_of(EMBEDDED, SEED), nothing, atol=1e-6)
