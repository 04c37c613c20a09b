"""The loss of one chunk of logits and its gradient, in the memory of the logits; for `chunked_loss`."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from .loss import token_nll

# Far above the smallest normal float32, 1.2e-38, below which digits are lost.
SMALLEST_PROBABILITY = 1e-30
# Sums of exponentials from it to its inverse are as accurate as float32 is: none of what counts was lost or overflowed.
SMALLEST_SUM = 1e-25
# What a core computes at once from logits in half precision: in float32 they stay in its cache.
ROWS_BYTES = 2**20


def by_half_logits(products: tf.Tensor, bias: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Computes the loss of a chunk from products in half precision, and the gradient in their memory.

    All between the two is float32, of a few tokens at a time: a whole chunk in float32 would have to leave the cache,
    and come back, for each operation.

    Args:
        products: [tokens, vocabulary], half precision; must not be used afterwards.
        bias: [vocabulary] float32.
        targets: [tokens].

    Returns:
        The gradient by the logits [tokens, vocabulary] in half precision, Σ nll, and the sum of the gradient over
        the tokens before it is rounded, [vocabulary] float32.
    """
    tokens, vocabulary_size = tf.shape(products)[0], products.shape[1]
    rows = max(1, ROWS_BYTES // (vocabulary_size * bias.dtype.size))

    def some_rows(start, total, by_bias, values):
        end = tf.minimum(start + rows, tokens)
        thin, wanted = values[start:end], targets[start:end]

        def logits():
            return tf.nn.bias_add(tf.cast(thin, bias.dtype), bias)

        probabilities = tf.nn.softmax(logits())
        nll = nll_of(probabilities, logits, wanted)
        with tf.control_dependencies([nll]):
            by_logits = less_one_hot(probabilities, wanted)
        # A product with ones, since a sum over rows takes several times as long.
        by_bias += tf.matmul(tf.ones([1, end - start], bias.dtype), by_logits)
        values = tf.raw_ops.InplaceUpdate(x=values, i=tf.range(start, end), v=tf.cast(by_logits, values.dtype))
        return end, total + tf.reduce_sum(nll), by_bias, values

    _, total, by_bias, by_logits = tf.while_loop(
        lambda start, *_: start < tokens,
        some_rows,
        (tf.constant(0), tf.reduce_sum(bias[:0]), tf.zeros([1, vocabulary_size], bias.dtype), products),
        parallel_iterations=1,
    )
    return tf.ensure_shape(by_logits, products.shape), total, by_bias[0]


def less_one_hot(probabilities: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Returns probabilities - onehot(targets), the gradient by the logits, in the memory of the probabilities.

    The probabilities must not be used afterwards. Anything else would copy the chunk.
    """
    tokens, vocabulary_size = tf.shape(probabilities)[0], probabilities.shape[1]
    flat = tf.reshape(probabilities, [-1, 1])
    wanted = tf.range(tokens) * vocabulary_size + tf.cast(targets, tf.int32)
    flat = tf.raw_ops.InplaceSub(x=flat, i=wanted, v=tf.ones([tokens, 1], flat.dtype))
    return tf.reshape(flat, [tokens, vocabulary_size])


def nll_of(probabilities: tf.Tensor, logits: Callable[[], tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
    """Returns [tokens] nats, from a softmax that is already computed.

    The operation that computes the loss from the logits takes several times as long as a softmax on a CPU. It
    is called only if a probability is NaN or too small for an exact logarithm. The logits are then computed
    again, so that the softmax may use their memory.
    """
    wanted = tf.gather(probabilities, targets, batch_dims=1)
    return tf.cond(
        tf.reduce_all(wanted > SMALLEST_PROBABILITY), lambda: -tf.math.log(wanted), lambda: token_nll(logits(), targets)
    )


def nll_without_softmax(logits: Callable[[], tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
    """Returns [tokens] nats ≥ 0, log Σ exp(logits) less the target's logit.

    A softmax would go over the logits five times, for the largest of each token and for a quotient that nobody needs.
    If a sum overflows or gets too small, the nats are computed as anywhere else, from logits computed again.
    """
    values = logits()
    wanted = tf.gather(values, targets, batch_dims=1)
    # So that the exponentials may have the memory of the logits.
    with tf.control_dependencies([wanted]):
        total = tf.reduce_sum(tf.exp(values), axis=-1)
    usual = tf.reduce_all((total > SMALLEST_SUM) & (total < 1 / SMALLEST_SUM))
    return tf.cond(usual, lambda: tf.nn.relu(tf.math.log(total) - wanted), lambda: token_nll(logits(), targets))
