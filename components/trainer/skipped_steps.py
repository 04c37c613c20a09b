"""Training steps that were skipped, since their loss or gradient was not finite; counted on the device.

The host reads the count together with the loss that it reports, once a second: no step waits for it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import keras
import tensorflow as tf


class SkippedStep(NamedTuple):
    """A skipped step.

    Attributes:
        step: The optimizer's step, counted from 1 over the whole training.
        tokens: Real tokens of the global batch.
        loss: Its loss, nats per token.
    """

    step: int
    tokens: float
    loss: float

    def cause(self) -> str:
        """Says why the step was skipped."""
        if math.isfinite(self.loss):
            return f"its gradient is not finite (loss={self.loss:.4g})"
        return f"loss={self.loss}"


class SkippedSteps(keras.metrics.Metric):
    """Number of skipped steps of the epoch, and the first of them.

    Under a distribution strategy every replica must add the same values, those of the global batch.

    `result()` is a mapping for Keras's logs: `skipped`, the number.
    """

    def __init__(self, name: str = "skipped_steps"):
        super().__init__(name=name, dtype="float64")
        self.count = self.add_variable((), "zeros", dtype="float64", aggregation="only_first_replica", name="count")
        self.kept = self.add_variable((3,), "zeros", dtype="float64", aggregation="only_first_replica", name="kept")

    def start(self, count: int = 0) -> None:
        """Starts an epoch, in which so many steps were skipped before a resume."""
        self.count.assign(count)
        self.kept.assign(tf.zeros(3, tf.float64))

    def update_state(self, taken: tf.Tensor, step: tf.Tensor, tokens: tf.Tensor, nll: tf.Tensor) -> None:
        """Adds a step.

        Args:
            taken: bool scalar, whether it was taken.
            step: Scalar, the steps before it.
            tokens: float32 scalar, the real tokens of the global batch.
            nll: float32 scalar, the sum of its loss, nats.
        """
        kept = tf.convert_to_tensor(self.kept)
        new = tf.stack([tf.cast(step, tf.float64) + 1.0, tf.cast(tokens, tf.float64), tf.cast(nll, tf.float64)])
        self.kept.assign(tf.where(taken | (kept[0] > 0.0), kept, new))
        self.count.assign_add(1.0 - tf.cast(taken, tf.float64))

    def result(self) -> dict[str, tf.Tensor]:
        """Returns the mapping described in the class."""
        return {"skipped": tf.convert_to_tensor(self.count)}

    def first(self) -> SkippedStep | None:
        """Returns the first skipped step since the start of the epoch, or since a resume; waits for the device.

        None if there is none: those before a resume are only counted.
        """
        step, tokens, nll = (float(value) for value in tf.convert_to_tensor(self.kept))
        if step == 0.0:
            return None
        return SkippedStep(int(step), tokens, nll / tokens)
