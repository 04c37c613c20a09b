"""LSTM layer for GPUs: cuDNN's kernel, always in float32."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class GpuLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM(units)`, computed in float32 whatever the model computes in.

    TensorFlow's cuDNN operation takes bfloat16, but the gradients that it returns are next to nothing, so that the
    layers do not learn: measured with TensorFlow 2.21 and cuDNN 9.19 on an H100, their norms were a hundred-thousandth
    of the right ones in the lower of two layers, and a two-hundredth in the upper. In float32 they are right, and a
    step takes no longer, since cuDNN multiplies in TensorFloat-32.

    Args:
        units: Width of the layer.
        dtype: The policy of the model, whose compute dtype the states are returned in.
        **layer: Other arguments of `keras.layers.LSTM`.

    Call arguments:
        sequences: [batch, time, features] float.

    Returns of a call:
        [batch, time, units], the output of each step (with `return_sequences=True`).
    """

    def __init__(self, units: int, dtype: Any = None, **layer):
        super().__init__(units, dtype="float32", **layer)
        self._output_dtype = keras.dtype_policies.get(dtype or keras.config.dtype_policy()).compute_dtype

    def call(
        self, sequences: tf.Tensor, initial_state: Any = None, mask: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """Runs the layer; see the class."""
        return tf.cast(super().call(sequences, initial_state, mask, training), self._output_dtype)

    def after(self, sequences: tf.Tensor, state: tf.Tensor, begins: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs the layer over sequences that go on; as `ProcessorLSTM.after`.

        They may begin at the first step alone, since cuDNN's kernel takes states only there.
        """
        state = tf.where(begins[:, :1, tf.newaxis], 0.0, tf.cast(state, tf.float32))
        start = tf.unstack(state, axis=1)
        _, outputs, state = self.inner_loop(tf.cast(sequences, tf.float32), start, None, training=True)
        return tf.cast(outputs, self._output_dtype), tf.stack(state, axis=1)
