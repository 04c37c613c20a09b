"""The LSTM layer for GPUs, here on the processor."""

import keras
import numpy as np
import tensorflow as tf
from tfx_lm.model.gpu_lstm import GpuLSTM


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
