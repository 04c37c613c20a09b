"""Masked language-model loss: the definition for training, validation and scoring.

All functions use the natural logarithm (nats) and return sums, never means: sums over tokens can be added,
means over batches of different sizes cannot.

Worked example, one sentence of three targets that `transform.padding` padded to five steps:

    targets  7    9    3    0    0
    mask     1    1    1    0    0
    nll      n0   n1   n2   .    .       →  LossSums(nll=n0+n1+n2, tokens=3)

`reference` is the plain version. `chunked_loss` has the faster ones; tests compare their loss and gradients with it.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class LossSums(NamedTuple):
    """Loss as a value that can be merged.

    Attributes:
        nll: float32 scalar, the sum of the negative log-likelihoods of the real tokens, in nats.
        tokens: float32 scalar, the number of real tokens (positions with mask 1).
    """

    nll: tf.Tensor
    tokens: tf.Tensor

    @classmethod
    def empty(cls) -> LossSums:
        """Returns the sums of no tokens, the identity of `merge`."""
        return cls(tf.constant(0.0), tf.constant(0.0))

    def merge(self, other: LossSums) -> LossSums:
        """Returns the sums over both; the order does not matter."""
        return LossSums(self.nll + other.nll, self.tokens + other.tokens)

    @property
    def mean(self) -> tf.Tensor:
        """float32 scalar: nats per real token; NaN without tokens."""
        return self.nll / self.tokens


def reference(logits: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor) -> LossSums:
    """Computes the loss from the logits of every position, padded ones included.

    Args:
        logits: [batch, time, vocabulary], any float type; the computation is in float32 (float64 stays float64).
        targets: [batch, time] int32 or int64.
        mask: [batch, time], 1 at real targets, 0 at padding.

    Returns:
        `LossSums` of the positions with mask 1. Other logits, NaN included, do not reach the sums or the
        gradients.

    Raises:
        ValueError: If the shapes do not fit together.
    """
    check_shapes(logits, targets, mask, "logits")
    real = mask > 0
    # `where`, since 0 * inf is NaN; on the logits as well, since the gradient of a discarded NaN is 0 * NaN.
    nll = token_nll(tf.where(real[..., None], logits, tf.zeros_like(logits)), targets)
    return LossSums(tf.reduce_sum(tf.where(real, nll, tf.zeros_like(nll))), tf.reduce_sum(tf.cast(real, nll.dtype)))


def all_replicas(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Returns the sums of the values over all replicas; the values themselves if there is only one.

    The gradients of N replicas' sums, added and divided by the number of real tokens of all replicas, are the
    gradient of one device with all sentences, however unevenly they are divided.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def token_nll(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Returns minus log softmax(logits)[target], [...] in float32 or better, for logits [..., vocabulary]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=precise(logits))


def precise(values: tf.Tensor) -> tf.Tensor:
    """Returns the values in float32, or in float64 if they are float64."""
    return values if values.dtype == tf.float64 else tf.cast(values, tf.float32)


def check_shapes(states: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor, name: str) -> None:
    """Checks the shapes of a loss's arguments.

    Args:
        states: Must be [batch, time, features].
        targets: Must be [batch, time].
        mask: Must be [batch, time].
        name: The name of the first one, for errors.

    Raises:
        ValueError: If they do not fit together.
    """
    if states.shape.rank != 3:
        raise ValueError(f"{name} has shape {states.shape}: must be [batch, time, features]")
    for other, label in ((targets, "targets"), (mask, "mask")):
        if not other.shape.is_compatible_with(states.shape[:2]) or other.shape.rank != 2:
            raise ValueError(f"{label} has shape {other.shape}: must be [batch, time] as in {name}, {states.shape[:2]}")
