"""Masked loss in chunks of tokens, which holds the logits of one chunk at a time.

Padded positions are dropped before the projection to the vocabulary, so they cost nothing there; on a GPU they have a
weight of 0. `chunked`, for training, computes the gradients with the loss. `scores` returns the loss of each token and
has no gradients. Both equal `loss.reference` of the same logits.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from .devices import on_gpu
from .loss import LossSums, check_shapes, precise
from .loss_of_logits import by_half_logits, less_one_hot, nll_of, nll_without_softmax
from .output_gradients import OutputGradients

Projection = Callable[[tf.Tensor], tf.Tensor]

# Logits of a chunk: 2**22 float32 values are 16 MiB, which a CPU's caches still help with. Measured
# on 2 cores with 2,048 tokens and 10,000 words, loss and gradients of the projection took 45 µs per token,
# 46 with half as much and 58 with all tokens in one chunk.
CHUNK_LOGITS = 2**22
# Every chunk goes once over the kernel's gradient. With as many words as this, chunks of twice the size win more by
# fewer passes than they lose by the caches: 4 % at 33,000 words, but -2 % at 10,000. With still more words the gradient
# takes so much memory that the chunks are not made larger: at 100,000 that is 50 MB less, but 14 % slower.
WIDE_VOCABULARIES = range(2**14, 2**16)
# On a GPU each operation costs its start, so chunks are as large as its memory easily holds: 128 MiB.
GPU_CHUNK_LOGITS = 2**25
# With fewer tokens, the products of a chunk would have too few rows to be fast.
CHUNK_TOKENS = 32


def chunked(
    hidden: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, shares: int = 1
) -> LossSums:
    """Computes the loss of a linear projection of any size: no [tokens, vocabulary] tensor is larger than a chunk.

    The gradients are computed with the loss, from the logits of the same chunk; nothing is computed twice. The kernel
    has one gradient, which is added to in place.

    Args:
        hidden: [batch, time, units] float, the states before the projection to the vocabulary.
        targets: [batch, time] int32 or int64.
        mask: [batch, time], 1 at real targets, 0 at padding.
        kernel: [vocabulary, units]; logits are states · kernelᵀ + bias.
        bias: [vocabulary].
        shares: Number of chunks computed in parallel; more than one is faster if each operation has one thread.

    Returns:
        `LossSums`, equal to those of `loss.reference`, with equal gradients of `nll` (no second ones). The
        products are computed in the dtype of `hidden`, all else in float32.

    Raises:
        ValueError: If the shapes do not fit together.
    """
    check_shapes(hidden, targets, mask, "hidden")
    if kernel.shape[1] != hidden.shape[2] or kernel.shape[:1] != bias.shape:
        raise ValueError(
            f"kernel has shape {kernel.shape}, bias {bias.shape}: must be [vocabulary, units] and [vocabulary] "
            f"for hidden {hidden.shape}"
        )
    weights = None
    if on_gpu():
        # Which positions are real is known on the GPU alone, and the processor would have to wait for it in every step.
        # Length buckets leave little padding, a fiftieth of the positions; windows of short documents leave more.
        states, wanted = tf.reshape(hidden, [-1, hidden.shape[2]]), _flat(targets)
        weights = tf.cast(_flat(mask) > 0, precise(hidden[:0]).dtype)
    else:
        states, wanted = real_tokens(hidden, targets, mask)

    @tf.custom_gradient
    def nll_of_states(states: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor):
        output = OutputGradients(kernel)
        memory = output.empty()
        nll, by_states, memory = nll_and_gradients(states, wanted, kernel, bias, output, memory, shares, weights)

        def gradients(upstream):
            by_all, of_all = (by_states, *output.whole(*memory)), (states, kernel, bias)
            return [tf.cast(upstream * value, of.dtype) for value, of in zip(by_all, of_all, strict=True)]

        return nll, gradients

    nll = nll_of_states(states, kernel, bias)
    return LossSums(nll, tf.reduce_sum(tf.cast(mask > 0, nll.dtype)))


def real_tokens(hidden: tf.Tensor, targets: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the states [tokens, units] and the targets [tokens] at the positions of the mask with 1."""
    positions = _real_positions(mask)
    return _take(hidden, positions), tf.gather(_flat(targets), positions)


def nll_and_gradients(
    states: tf.Tensor,
    targets: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    output: OutputGradients,
    memory: tuple[tf.Tensor, tf.Tensor],
    shares: int,
    weights: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    """Computes the loss of some tokens and its gradients, in chunks; see `chunked`.

    Args:
        states: [tokens, units].
        targets: [tokens], below `words`.
        kernel: [words, units].
        bias: [words].
        output: Where the gradients of kernel and bias stand.
        memory: Their memory, from `output.empty`; must not be used afterwards.
        shares: Number of chunks computed in parallel.
        weights: [tokens], 1.0 at tokens that count and 0.0 at those that do not; None if all do. Only on a GPU.

    Returns:
        Σ nll, the gradient by the states [tokens, units], at least float32, and the memory with those of kernel and
        bias.
    """
    gpu = on_gpu()
    by_rows = states.dtype.size == 2 and not gpu
    # In half precision, a chunk of as many bytes has twice the tokens, which makes its products faster.
    chunk_logits = GPU_CHUNK_LOGITS if gpu else 2 * CHUNK_LOGITS if by_rows else CHUNK_LOGITS
    chunk, steps = _chunks(targets, kernel.shape[0], shares, chunk_logits)
    thin_kernel = tf.cast(kernel, states.dtype)

    def one_share(number):
        part = slice(number * chunk, (number + 1) * chunk)
        wanted = targets[part]

        def products():
            return tf.matmul(states[part], thin_kernel, transpose_b=True)

        if by_rows:
            return states[part], *by_half_logits(products(), precise(bias), wanted)

        def logits():
            return tf.nn.bias_add(precise(products()), precise(bias))

        if gpu:
            # One kernel for both, and no condition, for which the processor would have to wait for the GPU.
            nll, by_logits = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits(), labels=wanted)
            counted = states[part]
            ones = tf.ones_like(nll)
            if weights is not None:
                # The gradient by the logits stays as it is, since it is by far the largest.
                ones = weights[part]
                nll, counted = tf.math.multiply_no_nan(nll, ones), counted * tf.cast(ones, counted.dtype)[:, None]
            # A product, since a sum over rows takes several times as long.
            return counted, by_logits, tf.reduce_sum(nll), tf.matmul(ones[None], by_logits)[0]
        probabilities = tf.nn.softmax(logits())
        nll = nll_of(probabilities, logits, wanted)
        with tf.control_dependencies([nll]):
            by_logits = less_one_hot(probabilities, wanted)
        return states[part], by_logits, tf.reduce_sum(nll), None

    def one_step(step, nll, by_states, by_kernel, by_bias):
        numbers = [step * shares + share for share in range(shares)]
        done = [one_share(number) for number in numbers]
        for number, (_, by_logits, *_) in zip(numbers, done, strict=True):
            by_states = by_states.write(number, tf.matmul(tf.cast(by_logits, states.dtype), thin_kernel))
        total = tf.add_n([nll, *(losses for _, _, losses, _ in done)])
        products = [(by_logits, part, sums) for part, by_logits, _, sums in done]
        return step + 1, total, by_states, *output.add(by_kernel, by_bias, products, step == 0)

    _, nll, by_states, *by_output = tf.while_loop(
        lambda step, *_: step < steps,
        one_step,
        (
            tf.constant(0),
            tf.reduce_sum(precise(bias[:0])),
            _rows(states.dtype, steps * shares, [None, states.shape[1]]),
            *memory,
        ),
        parallel_iterations=1,
    )

    gradient = precise(by_states.concat())
    return nll, gradient if weights is None else gradient * weights[:, None], (by_output[0], by_output[1])


def scores(
    hidden: tf.Tensor,
    targets: tf.Tensor,
    mask: tf.Tensor,
    project: Projection,
    vocabulary_size: int,
) -> tf.Tensor:
    """Computes the negative log-likelihood of each token in bounded memory; for scoring, without gradients.

    Args:
        hidden: [batch, time, units] float, the states before the projection to the vocabulary.
        targets: [batch, time] int32 or int64.
        mask: [batch, time], 1 at real targets, 0 at padding.
        project: Maps [tokens, units] to logits [tokens, vocabulary].
        vocabulary_size: The number of logits of a token; it decides how many tokens are projected at once.

    Returns:
        [batch, time] float32, nats ≥ 0; exactly 0 at padding. `tf.reduce_sum` of it is the `nll` of
        `loss.reference`.

    Raises:
        ValueError: If the shapes do not fit together.
    """
    check_shapes(hidden, targets, mask, "hidden")
    positions = _real_positions(mask)
    states, wanted = real_tokens(hidden, targets, mask)
    chunk, chunks = _chunks(wanted, vocabulary_size, shares=1, logits=CHUNK_LOGITS)

    def one_chunk(index, done):
        part = slice(index * chunk, (index + 1) * chunk)

        def logits():
            return precise(project(states[part]))

        nll = nll_without_softmax(logits, wanted[part])
        return index + 1, done.write(index, tf.cast(nll, tf.float32))

    _, done = tf.while_loop(
        lambda index, _: index < chunks,
        one_chunk,
        (tf.constant(0), _rows(tf.float32, chunks, [None])),
        parallel_iterations=1,  # To hold one chunk of logits.
    )
    flat = tf.scatter_nd(positions[:, None], done.concat(), [tf.size(mask)])
    return tf.reshape(flat, tf.shape(mask))


def _chunks(targets: tf.Tensor, vocabulary_size: int, shares: int, logits: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the tokens of a chunk, and how many times `shares` chunks there are: at least one, maybe empty.

    All chunks have the same size, so that no share waits for another.
    """
    logits = 2 * logits if vocabulary_size in WIDE_VOCABULARIES else logits
    largest = max(CHUNK_TOKENS, logits // vocabulary_size)
    tokens = tf.maximum(1, tf.size(targets))
    steps = -(-tokens // (largest * shares))
    return -(-tokens // (steps * shares)), steps


def _rows(dtype: tf.DType, chunks: tf.Tensor, shape: list[int | None]) -> tf.TensorArray:
    """Returns an array for chunks with any numbers of rows."""
    return tf.TensorArray(dtype, chunks, infer_shape=False, element_shape=shape)


def _real_positions(mask: tf.Tensor) -> tf.Tensor:
    """Returns [tokens] int32: the positions of the flattened mask with 1."""
    return tf.cast(tf.where(_flat(mask) > 0)[:, 0], tf.int32)


def _take(hidden: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Returns [tokens, units]: the states at the positions of the flattened batch."""
    units = hidden.shape[-1]
    return tf.gather(tf.reshape(hidden, [-1, tf.shape(hidden)[-1] if units is None else units]), positions)


def _flat(values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, [-1])
