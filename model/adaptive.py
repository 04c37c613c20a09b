"""The adaptive softmax (Grave et al. 2017, https://arxiv.org/abs/1609.04309): fast for large vocabularies, and exact.

Ids are ordered by frequency. The *head* is a softmax over the frequent ids and one entry for each cluster of rarer
ones; each *cluster* is a softmax over its own ids. An id of a cluster has the probability

    p(id | state) = p(its cluster | state, head) · p(id | state, cluster)

so that all probabilities add up to 1, and a cluster is computed only for the tokens whose target lies in it. The loss
of a token is then the loss of the head plus that of its cluster, each a plain softmax: `loss` defines them all.

The worked example, 12 ids with cutoffs (6, 9), for the sentence of `loss`:

    targets      7    9    3    0    0        mask    1    1    1    0    0
    head         6    7    3    .    .                1    1    1    0    0     of 6 ids and 2 clusters
    cluster 6    1    .    .    .    .                1    0    0    0    0     of ids 6 to 8
    cluster 9    .    0    .    .    .                0    1    0    0    0     of ids 9 to 11
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..errors import SettingError
from . import chunked_loss, loss
from .output_gradients import OutputGradients
from .softmax import frequencies, project


class AdaptiveSoftmax:
    """A normalised softmax in two steps, with the methods of `softmax.FullSoftmax`.

    The rows of the kernel have their full width in every cluster, so the kernel may be the embedding matrix and the
    perplexity does not suffer. The time saved is that of the products with the clusters that a token is not in.

    Args:
        kernel: Variable [vocabulary, width]; the embedding matrix itself if the two are tied.
        bias: Variable [vocabulary].
        cluster_kernel: Variable [clusters, width], the head's rows for the clusters.
        cluster_bias: Variable [clusters].
        cutoffs: The first id of each cluster, rising, each above 0 and below the size of the vocabulary.
    """

    def __init__(self, kernel: Any, bias: Any, cluster_kernel: Any, cluster_bias: Any, cutoffs: Sequence[int]):
        self._kernel = kernel
        self._bias = bias
        self._cluster_kernel = cluster_kernel
        self._cluster_bias = cluster_bias
        self._cutoffs = tuple(cutoffs)
        self._sizes = [high - low for low, high in itertools.pairwise((0, *cutoffs, kernel.shape[0]))]

    def loss_sums(self, hidden: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor, shares: int = 1) -> loss.LossSums:
        """The loss, with gradients; arguments and result as in `FullSoftmax`."""
        taken = [chunked_loss.real_tokens(hidden, *part) for part in share_out(targets, mask, self._cutoffs)]
        states, wanted = zip(*taken, strict=True)

        @tf.custom_gradient
        def nll_of(*inputs: tf.Tensor):
            return self._nll_with_gradients(inputs[4:], wanted, inputs[:4], shares)

        variables = (self._kernel, self._bias, self._cluster_kernel, self._cluster_bias)
        nll = nll_of(*map(tf.convert_to_tensor, variables), *states)
        return loss.LossSums(nll, tf.reduce_sum(tf.cast(mask > 0, nll.dtype)))

    def _nll_with_gradients(
        self, states: Sequence[tf.Tensor], targets: Sequence[tf.Tensor], variables: Sequence[tf.Tensor], shares: int
    ):
        """Returns Σ nll, and the function of its gradients by the variables and the states of head and clusters.

        The clusters add their gradients to their own rows of the whole kernel's, so that nothing is copied. A cluster
        has so few tokens that a product takes as long for half of them; so its tokens are not shared out.
        """
        kernel, bias, cluster_kernel, cluster_bias = variables
        head, *clusters = itertools.pairwise((0, *self._cutoffs, kernel.shape[0]))
        frequent = head[1]
        head_kernel = tf.concat([kernel[:frequent], cluster_kernel], axis=0)
        head_bias = tf.concat([bias[:frequent], cluster_bias], axis=0)
        output = OutputGradients(head_kernel)
        nll, by_head_states, memory = chunked_loss.nll_and_gradients(
            states[0], targets[0], head_kernel, head_bias, output, output.empty(), shares
        )
        by_head, by_head_bias = output.whole(*memory)
        sums, by_states = [nll], [by_head_states]
        memory = OutputGradients(kernel, clusters[0], self._cutoffs).empty()
        for (low, high), of_cluster, wanted in zip(clusters, states[1:], targets[1:], strict=True):
            output = OutputGradients(kernel, (low, high), self._cutoffs)
            nll, by_cluster_states, memory = chunked_loss.nll_and_gradients(
                of_cluster, wanted, self._rows(kernel, low, high), bias[low:high], output, memory, shares=1
            )
            sums.append(nll)
            by_states.append(by_cluster_states)
        rows = tf.range(frequent)
        by_kernel, by_bias = output.whole(*memory)
        by_kernel = tf.raw_ops.InplaceUpdate(x=by_kernel, i=rows, v=by_head[:frequent])
        by_bias = tf.raw_ops.InplaceUpdate(x=by_bias[:, None], i=rows, v=by_head_bias[:frequent, None])[:, 0]

        def gradients(upstream):
            by_all = (by_kernel, by_bias, by_head[frequent:], by_head_bias[frequent:], *by_states)
            of_all = (*variables, *states)
            return [tf.cast(upstream * value, of.dtype) for value, of in zip(by_all, of_all, strict=True)]

        return tf.add_n(sums), gradients

    def _rows(self, kernel: tf.Tensor, low: int, high: int) -> tf.Tensor:
        """Returns kernel[low:high], without a copy if the clusters have even sizes.

        TensorFlow copies a slice whose rows are no multiple of 64 bytes long; so many rows become one.
        """
        together = math.gcd(kernel.shape[0], *self._cutoffs)
        rows = tf.reshape(kernel, [-1, together * kernel.shape[1]])
        return tf.reshape(rows[low // together : high // together], [high - low, kernel.shape[1]])

    def nll(self, hidden: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The loss of each token, in bounded memory; arguments and result as in `FullSoftmax`."""
        return tf.add_n(
            [
                chunked_loss.scores(
                    hidden, *part, functools.partial(project, kernel=kernel, bias=bias), kernel.shape[0]
                )
                for part, (kernel, bias) in zip(share_out(targets, mask, self._cutoffs), self._weights(), strict=True)
            ]
        )

    def log_probabilities(self, states: tf.Tensor) -> tf.Tensor:
        """The log-probability of each id; argument and result as in `FullSoftmax`."""
        head, *clusters = (tf.nn.log_softmax(project(states, *weights)) for weights in self._weights())
        frequent, of_clusters = tf.split(head, [self._sizes[0], len(clusters)], axis=-1)
        of_clusters = tf.split(of_clusters, len(clusters), axis=-1)
        return tf.concat([frequent, *map(tf.add, of_clusters, clusters)], axis=-1)

    def start_from_frequencies(self, counts: np.ndarray) -> None:
        """Sets the biases so that a state of zeros gives each id its share of the counts; as in `FullSoftmax`."""
        shares = frequencies(counts)
        self._bias.assign(np.log(shares))
        self._cluster_bias.assign(np.log([part.sum() for part in np.split(shares, self._cutoffs)[1:]]))

    def _weights(self) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Returns kernel and bias of the head, then those of each cluster.

        `tf.split` has one gradient, the concatenation; that of a slice is as large as the whole kernel, for each.
        """
        kernels = tf.split(tf.convert_to_tensor(self._kernel), self._sizes)
        biases = tf.split(tf.convert_to_tensor(self._bias), self._sizes)
        head = (
            tf.concat([kernels[0], tf.convert_to_tensor(self._cluster_kernel)], axis=0),
            tf.concat([biases[0], tf.convert_to_tensor(self._cluster_bias)], axis=0),
        )
        return [head, *zip(kernels[1:], biases[1:], strict=True)]


def share_out(targets: tf.Tensor, mask: tf.Tensor, cutoffs: Sequence[int]) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Splits the targets into those of the head and those of each cluster.

    Args:
        targets: [batch, time] int32 or int64 ids.
        mask: [batch, time], 1 at real targets, 0 at padding.
        cutoffs: The first id of each cluster, rising.

    Returns:
        Targets and mask, each [batch, time], of the head and then of each cluster, as in the example of this file.
        Targets with mask 0 have no meaning.
    """
    of_head, of_clusters = targets, []
    for index, low in enumerate(cutoffs):
        inside = targets >= low
        if index + 1 < len(cutoffs):
            inside &= targets < cutoffs[index + 1]
        of_head = tf.where(inside, tf.constant(cutoffs[0] + index, targets.dtype), of_head)
        of_clusters.append((targets - low, tf.where(inside, mask, tf.zeros_like(mask))))
    return [(of_head, mask), *of_clusters]


def fitting_cutoffs(cutoffs: Sequence[int], vocabulary_size: int) -> tuple[int, ...]:
    """Returns the cutoffs that lie inside the vocabulary; at the others a cluster would have no ids.

    Raises:
        SettingError: No cutoff lies inside the vocabulary.
    """
    fitting = tuple(cutoff for cutoff in cutoffs if cutoff < vocabulary_size)
    if not fitting:
        raise SettingError(
            f"{{adaptive_cutoffs}}={list(cutoffs)}: must begin below {vocabulary_size}, the size of the vocabulary; "
            "set {adaptive_cutoffs}, or {output} to full"
        )
    return fitting
