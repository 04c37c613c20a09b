"""The softmax over the whole vocabulary: turns the model's states into probabilities of the next token."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from . import chunked_loss, loss


class FullSoftmax:
    """p(id | state) = softmax(state · kernelᵀ + bias)[id].

    `adaptive.AdaptiveSoftmax` has the same methods. Training calls `loss_sums`, validation and scoring `nll`, the
    next word `log_probabilities`; nothing else turns states into probabilities.

    Args:
        kernel: Variable [vocabulary, width]; the embedding matrix itself if the two are tied.
        bias: Variable [vocabulary].
    """

    def __init__(self, kernel: Any, bias: Any):
        self._kernel = kernel
        self._bias = bias

    def weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns kernel and bias as float32 tensors."""
        return tf.convert_to_tensor(self._kernel), tf.convert_to_tensor(self._bias)

    def loss_sums(self, hidden: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor, shares: int = 1) -> loss.LossSums:
        """The loss, with gradients.

        Args:
            hidden: [batch, time, width] states, in the compute dtype.
            targets: [batch, time] int32 or int64.
            mask: [batch, time], 1 at real targets, 0 at padding.
            shares: As in `chunked_loss.chunked`.

        Returns:
            The sums over the real targets.
        """
        return chunked_loss.chunked(hidden, targets, mask, *self.weights(), shares=shares)

    def nll(self, hidden: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The loss of each token, in bounded memory and without gradients.

        Args:
            hidden: As in `loss_sums`, and so are targets and mask.
            targets: [batch, time].
            mask: [batch, time].

        Returns:
            [batch, time] float32, nats; exactly 0 at padding.
        """
        kernel, bias = self.weights()
        projection = functools.partial(project, kernel=kernel, bias=bias)
        return chunked_loss.scores(hidden, targets, mask, projection, kernel.shape[0])

    def log_probabilities(self, states: tf.Tensor) -> tf.Tensor:
        """The log-probability of each id.

        Args:
            states: [..., width].

        Returns:
            [..., vocabulary] float32, nats.
        """
        return tf.nn.log_softmax(project(states, *self.weights()))

    def start_from_frequencies(self, counts: np.ndarray) -> None:
        """Sets the biases so that a state of zeros gives each id its share of the counts.

        Args:
            counts: [vocabulary]. One is added to each, so that no logit is infinite.
        """
        self._bias.assign(np.log(frequencies(counts)))


def project(states: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Returns logits [..., ids] in float32, states · kernelᵀ + bias; the product is in the dtype of the states."""
    logits = tf.linalg.matmul(states, tf.cast(kernel, states.dtype), transpose_b=True)
    # Not a sum: a product of matrices and its bias become one operation.
    return tf.nn.bias_add(tf.cast(logits, tf.float32), bias)


def frequencies(counts: np.ndarray) -> np.ndarray:
    """Returns [ids] float32: the share of each id, one more counted of each."""
    smoothed = np.asarray(counts, np.float64) + 1.0
    return (smoothed / smoothed.sum()).astype(np.float32)
