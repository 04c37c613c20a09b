"""Windows: the batches in which long stretches are trained, one after the other."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ...transform.padding import PaddedBatch


class Window(NamedTuple):
    """A batch of rows, each a part of a stretch; the next batch goes on with the same rows until none is left.

    Attributes:
        inputs: As in `PaddedBatch`, int64 `[batch, T]`.
        targets: int64 `[batch, T]`.
        mask: float32 `[batch, T]`.
        begins: bool scalar, whether these are the beginnings of the stretches, before which the state is zero.
        left: int32 scalar, how many windows of the same rows follow.
    """

    inputs: tf.Tensor
    targets: tf.Tensor
    mask: tf.Tensor
    begins: tf.Tensor
    left: tf.Tensor


def windows_of(batch: PaddedBatch, first: int, window: int) -> tf.data.Dataset:
    """Divides a batch of stretches.

    With `first=3` and `window=2`, a stretch of 6 targets behind one token of context:

        inputs   [2, 2, 7, 8, 9, 5, 6]      [2, 2, 7] [8, 9] [5, 6]
        targets  [0, 7, 8, 9, 5, 6, 3]      [0, 7, 8] [9, 5] [6, 3]
        mask     [0, 1, 1, 1, 1, 1, 1]      [0, 1, 1] [1, 1] [1, 1]
        begins                              True      False  False
        left                                2         1      0

    Args:
        batch: Stretches, `[batch, time]` each.
        first: Positions of the first window, which has the context.
        window: Positions of each other; the last may have fewer.

    Returns:
        A dataset of `Window`.
    """
    later = -(-tf.maximum(0, tf.shape(batch.inputs)[1] - first) // window)

    def one(number: tf.Tensor) -> Window:
        end = first + number * window
        begin = tf.where(number == 0, 0, end - window)
        inputs, targets, mask = (part[:, begin:end] for part in batch)
        return Window(inputs, targets, mask, number == 0, later - number)

    return tf.data.Dataset.range(tf.cast(later, tf.int64) + 1, output_type=tf.int32).map(one)
