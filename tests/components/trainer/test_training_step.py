"""One optimizer step: the gradient of the mean over real tokens, clipped."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.components.trainer.training import TrainableLanguageModel
from tfx_lm.model import loss
from tfx_lm.model.lstm import ProcessorLSTM
from tfx_lm.transform.padding import pad_batch

pytestmark = pytest.mark.slow

ROWS = tf.ragged.constant([[7, 9, 3], [4, 3], [5, 6, 7, 8, 3], [3]], tf.int64)


def model_with_sgd(clip_norm=1e9, **options):
    keras.utils.set_random_seed(3)
    model = TrainableLanguageModel(
        clip_norm=clip_norm,
        seed=1,
        **{"vocabulary_size": 10, "embedding_units": 4, "units": 6, "layers": 2, "dropout": 0.0, **options},
    )
    model.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def reference_gradients(model, batch):
    with tf.GradientTape() as tape:
        mean = loss.reference(model(batch.inputs), batch.targets, batch.mask).mean
    return [
        tf.convert_to_tensor(gradient).numpy()
        for gradient in tape.gradient(mean, [variable.value for variable in model.trainable_variables])
    ]


@pytest.mark.parametrize(
    "options", [{}, {"tied_embedding": False}, {"residual": True}, {"residual": True, "embedding_units": 6}]
)
@pytest.mark.parametrize(
    ("length", "shares", "lstm_layer"),
    [(5, 1, keras.layers.LSTM), (9, 1, ProcessorLSTM), (5, 3, ProcessorLSTM), (5, 7, ProcessorLSTM)],
)
def test_a_step_follows_the_gradient_of_the_reference(options, length, shares, lstm_layer):
    model = model_with_sgd(shares=shares, lstm_layer=lstm_layer, **options)
    batch = pad_batch(ROWS, length)
    before, expected = weights(model), reference_gradients(model, batch)
    logs = model.train_step(batch)
    for old, new, gradient in zip(before, weights(model), expected, strict=True):
        np.testing.assert_allclose(old - new, gradient, rtol=1e-4, atol=1e-6)
    assert float(logs["tokens"]) == 11.0


def test_the_global_norm_is_clipped():
    model = model_with_sgd(clip_norm=0.01)
    batch = pad_batch(ROWS)
    before, expected = weights(model), reference_gradients(model, batch)
    model.train_step(batch)
    steps = [old - new for old, new in zip(before, weights(model), strict=True)]
    assert np.sqrt(sum((step**2).sum() for step in steps)) == pytest.approx(0.01, rel=1e-3)
    scale = 0.01 / np.sqrt(sum((gradient**2).sum() for gradient in expected))
    for step, gradient in zip(steps, expected, strict=True):
        np.testing.assert_allclose(step, gradient * scale, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("shares", [1, 3, 7])
def test_validation_is_the_reference_without_dropout(shares):
    model = model_with_sgd(dropout=0.5, shares=shares, lstm_layer=ProcessorLSTM)
    batch = pad_batch(ROWS, 7)
    logs = model.test_step(batch)
    expected = loss.reference(model(batch.inputs), batch.targets, batch.mask)
    np.testing.assert_allclose(logs["loss"], expected.mean, rtol=1e-5)
    np.testing.assert_allclose(logs["perplexity"], np.exp(expected.mean), rtol=1e-5)
    assert float(logs["tokens"]) == float(expected.tokens) == 11.0


def test_each_step_drops_other_units():
    model = model_with_sgd(dropout=0.5)
    seeds = []
    for _ in range(2):
        seeds.append(tuple(model._dropout_seed().numpy()))
        model.train_step(pad_batch(ROWS))
    assert len(set(seeds)) == 2
