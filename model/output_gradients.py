"""Gradients of the output layer, added in place: the kernel has only one, as large as itself."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from .devices import on_gpu

# The gradient of a kernel of at most the first size is computed at once, that of a larger one in blocks of the second
# size, which stay in a core's cache while they are used. Two blocks are computed at a time, to use two cores. On a GPU,
# where each operation costs its start, it is always computed at once.
AT_ONCE_BYTES = 2**23
BLOCK_BYTES = 2**20
UNDER_WAY = 2
# With more words, a chunk has a few dozen tokens, too few for a fast product, so the chunks of all shares become one.
THIN_VOCABULARY = 2**16

# A chunk's gradient by the logits [tokens, words], its states [tokens, units] and, if they are known, the sums of the
# former over the tokens [words].
Products = tuple[tf.Tensor, tf.Tensor, "tf.Tensor | None"]


class OutputGradients:
    """Σ by_logitsᵀ · states and Σ by_logits over chunks of tokens: the gradients of kernel and bias.

    Adding a product with `+` would need a second tensor as large as the gradient for each chunk computed in parallel.
    Here the rows are divided into blocks; the products of a block are added to it in place.

    The values passed on are float32 (float64 for float64) tensors [vocabulary / n, n · units] and [vocabulary / n, n],
    so that a block is one or a few rows. They are whole tensors, not parts of larger ones, so later computations need
    no copies.

    Args:
        kernel: [vocabulary, units], the kernel.
        part: The first word of the part of the vocabulary that the logits are of, and the one after its last; the rest
            of the gradients is not touched. None for all words.
        cuts: Where other parts begin, whose gradients are added to the same tensors.
    """

    def __init__(self, kernel: tf.Tensor, part: tuple[int, int] | None = None, cuts: Sequence[int] = ()):
        self._vocabulary, self._units = kernel.shape
        self._first, end = part or (0, self._vocabulary)
        self._part = end - self._first
        self._dtype = tf.float64 if kernel.dtype == tf.float64 else tf.float32
        # A part is a cluster of rare words, with a few tokens.
        self._thin = part is not None or self._vocabulary > THIN_VOCABULARY
        word = self._units * self._dtype.size
        at_once = on_gpu() or (part is None and self._vocabulary * word <= AT_ONCE_BYTES)
        block = self._part if at_once else max(1, BLOCK_BYTES // word)
        # Adding to one long row is faster than to many short ones; a vocabulary that is a prime number has only those.
        whole = math.gcd(self._vocabulary, *cuts)
        self._words = max(number for number in range(1, min(block, whole) + 1) if whole % number == 0)
        self._rows = min(block, self._part) // self._words

    def empty(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns memory for the gradients, for `add`: separate memory, since a constant may be shared."""
        rows = self._vocabulary // self._words
        shapes = [rows, self._words * self._units], [rows, self._words]
        kernel, bias = (tf.raw_ops.Empty(shape=shape, dtype=self._dtype) for shape in shapes)
        return kernel, bias

    def add(
        self, by_kernel: tf.Tensor, by_bias: tf.Tensor, products: Sequence[Products], first: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Adds some chunks; the gradients that were passed must not be used again.

        Args:
            by_kernel: From `empty` or `add`.
            by_bias: From `empty` or `add`.
            products: One for each chunk, with its sums or (all of them) without. The gradients by the logits and the
                states are multiplied in the dtype of the states.
            first: bool, whether these chunks are the first ones, which are not added to what the memory held.

        Returns:
            The new gradients.
        """
        blocks, rest = divmod(self._part // self._words, self._rows)
        by_logits, all_states, sums = zip(*products, strict=True)
        if self._thin:
            all_states = (tf.concat(all_states, axis=0),)
            sums = (None if sums[0] is None else tf.add_n(sums),)

        def put(gradient, rows, value, replaces):
            value = tf.reshape(tf.cast(value, self._dtype), [-1, gradient.shape[1]])
            if not replaces:
                return tf.raw_ops.InplaceAdd(x=gradient, i=rows, v=value)
            return tf.cond(
                first,
                lambda: tf.raw_ops.InplaceUpdate(x=gradient, i=rows, v=value),
                lambda: tf.raw_ops.InplaceAdd(x=gradient, i=rows, v=value),
            )

        def add_block(start, rows, by_kernel, by_bias):
            begin, words = start * self._words, rows * self._words
            indices = self._first // self._words + start + tf.range(rows)
            parts = [logits if words == self._part else logits[:, begin : begin + words] for logits in by_logits]
            if self._thin:
                parts = [tf.concat(parts, axis=0)]
            for number, (part, states, known) in enumerate(zip(parts, all_states, sums, strict=True)):
                product = tf.matmul(tf.cast(part, states.dtype), states, transpose_a=True)
                total = tf.reduce_sum(part, axis=0) if known is None else known[begin : begin + words]
                by_kernel = put(by_kernel, indices, product, number == 0)
                by_bias = put(by_bias, indices, total, number == 0)
            return by_kernel, by_bias

        if blocks == 1 and not rest:
            return add_block(0, self._rows, by_kernel, by_bias)
        _, by_kernel, by_bias = tf.while_loop(
            lambda block, *_: block < blocks,
            lambda block, *gradients: (block + 1, *add_block(block * self._rows, self._rows, *gradients)),
            (tf.constant(0), by_kernel, by_bias),
            parallel_iterations=UNDER_WAY,
        )
        return add_block(blocks * self._rows, rest, by_kernel, by_bias) if rest else (by_kernel, by_bias)

    def whole(self, by_kernel: tf.Tensor, by_bias: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the gradients as [vocabulary, units] and [vocabulary]; nothing is copied."""
        return tf.reshape(by_kernel, [self._vocabulary, self._units]), tf.reshape(by_bias, [self._vocabulary])
