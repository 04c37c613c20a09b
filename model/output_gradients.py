"""Gradients of the output layer, added in place: the kernel has only one, as large as itself."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

# The gradient of a kernel of at most the first size is computed at once, that of a larger one in blocks of the second
# size, which stay in a core's cache while they are used. Two blocks are computed at a time, to use two cores.
AT_ONCE_BYTES = 2**23
BLOCK_BYTES = 2**20
UNDER_WAY = 2
# With more words, a chunk has a few dozen tokens, too few for a fast product, so the chunks of all shares become one.
THIN_VOCABULARY = 2**16


class OutputGradients:
    """Σ by_logitsᵀ · states and Σ by_logits over chunks of tokens: the gradients of kernel and bias.

    Adding a product with `+` would need a second tensor as large as the gradient for each chunk computed in parallel.
    Here the rows are divided into blocks; the products of a block are added to it in place.

    The values passed on are float32 (float64 for float64) tensors [vocabulary / n, n · units] and [vocabulary / n, n],
    so that a block is one or a few rows. They are whole tensors, not parts of larger ones, so later computations need
    no copies.

    Args:
        kernel: [vocabulary, units], the kernel.
    """

    def __init__(self, kernel: tf.Tensor):
        self._vocabulary, self._units = kernel.shape
        self._dtype = tf.float64 if kernel.dtype == tf.float64 else tf.float32
        word = self._units * self._dtype.size
        block = self._vocabulary if self._vocabulary * word <= AT_ONCE_BYTES else max(1, BLOCK_BYTES // word)
        # Adding to one long row is faster than to many short ones; a vocabulary that is a prime number has only those.
        self._words = max(number for number in range(1, block + 1) if self._vocabulary % number == 0)
        self._rows = block // self._words

    def zeros(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the gradients of no tokens, in separate memory: a constant may be shared and must not change."""
        rows = self._vocabulary // self._words
        shapes = [rows, self._words * self._units], [rows, self._words]
        kernel, bias = (tf.raw_ops.Empty(shape=shape, dtype=self._dtype, init=True) for shape in shapes)
        return kernel, bias

    def add(
        self,
        by_kernel: tf.Tensor,
        by_bias: tf.Tensor,
        products: Sequence[tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Adds some chunks; the gradients that were passed must not be used again.

        Args:
            by_kernel: From `zeros` or `add`.
            by_bias: From `zeros` or `add`.
            products: The gradient by the logits [tokens, vocabulary], the states [tokens, units] of each chunk and, if
                they are known (of all chunks or none), the sums of the former over the tokens, [vocabulary]. The
                first two are multiplied in the dtype of the states.

        Returns:
            The new gradients.
        """
        blocks, rest = divmod(self._vocabulary // self._words, self._rows)
        by_logits, all_states, sums = zip(*products, strict=True)
        thin = self._vocabulary > THIN_VOCABULARY
        if thin:
            all_states = (tf.concat(all_states, axis=0),)

        def add_block(first, rows, by_kernel, by_bias):
            begin, words = first * self._words, rows * self._words
            indices = first + tf.range(rows)
            parts = [logits if words == self._vocabulary else logits[:, begin : begin + words] for logits in by_logits]
            if thin:
                parts = [tf.concat(parts, axis=0)]
            for part, states in zip(parts, all_states, strict=True):
                product = tf.matmul(tf.cast(part, states.dtype), states, transpose_a=True)
                product = tf.reshape(tf.cast(product, self._dtype), [rows, self._words * self._units])
                by_kernel = tf.raw_ops.InplaceAdd(x=by_kernel, i=indices, v=product)
                if sums[0] is None:
                    total = tf.reshape(tf.reduce_sum(part, axis=0), [rows, self._words])
                    by_bias = tf.raw_ops.InplaceAdd(x=by_bias, i=indices, v=total)
            return by_kernel, by_bias

        if sums[0] is not None:
            by_bias += tf.reshape(tf.add_n(sums), by_bias.shape)

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
