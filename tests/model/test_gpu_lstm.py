"""The LSTM layer for GPUs, here on the processor."""

import keras
import numpy as np
import tensorflow as tf
from tfx_lm.model.gpu_lstm import GpuLSTM
from tfx_lm.model.lstm import ProcessorLSTM


def test_it_computes_in_float32_and_returns_the_dtype_of_the_model():
    sequences = tf.constant(np.random.default_rng(1).normal(size=(2, 5, 3)), tf.bfloat16)
    layer = GpuLSTM(4, dtype="mixed_bfloat16", return_sequences=True)
    states = layer(sequences)
    plain = keras.layers.LSTM(4, return_sequences=True)
    plain.build((None, None, 3))
    plain.set_weights(layer.get_weights())
    assert (layer.compute_dtype, states.dtype) == ("float32", tf.bfloat16)
    assert np.array_equal(states, tf.cast(plain(tf.cast(sequences, tf.float32)), tf.bfloat16))
    assert GpuLSTM(4, dtype="float32", return_sequences=True)(tf.cast(sequences, tf.float32)).dtype == tf.float32


def test_it_goes_on_as_the_layer_for_processors_does():
    sequences = tf.constant(np.random.default_rng(1).normal(size=(2, 5, 3)), tf.float32)
    layer, processor = GpuLSTM(4, return_sequences=True), ProcessorLSTM(4, return_sequences=True)
    for each in (layer, processor):
        each.build((None, None, 3))
    processor.set_weights(layer.get_weights())
    state = tf.constant(np.random.default_rng(2).normal(size=(2, 2, 4)), tf.float32)
    # The second row begins: its state is zero before.
    begins = tf.constant([[False] * 5, [True] + [False] * 4])
    for mine, other in zip(
        layer.after(sequences, state, begins), processor.after(sequences, state, begins), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    thin = GpuLSTM(4, dtype="mixed_bfloat16", return_sequences=True)
    thin.build((None, None, 3))
    outputs, state = thin.after(tf.cast(sequences, tf.bfloat16), state, begins)
    assert (outputs.dtype, state.dtype) == (tf.bfloat16, tf.float32)
