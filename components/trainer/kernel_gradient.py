"""The gradient of the output layer's kernel, added up in place: it is as large as the kernel, and there is one."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

# The product for a gradient of at most the first size is made at once, that for a larger one in blocks of the second
# size. `UNDER_WAY` blocks are held for each lane; each is operations of the graph, so there must not be too many.
AT_ONCE_BYTES = 2**23
BLOCK_BYTES = 2**22
UNDER_WAY = 2
MOST_BLOCKS = 32


class KernelGradient:
    """Σ by_logitsᵀ · states over chunks of tokens.

    Adding a product with `+` would need a second tensor as large as the gradient, and one for each lane of chunks that
    are computed side by side. Here the rows are divided into blocks; the products of a block are added to it in place.

    The value that is passed on is a float32 (float64 for float64) tensor [vocabulary / n, n · units], so that a block
    is a few rows of it or one. It is the gradient itself and not a part of a larger tensor: what is computed from it
    later needs no tensor of its own either.

    Args:
        kernel: [vocabulary, units], the kernel.
    """

    def __init__(self, kernel: tf.Tensor):
        self._shape = kernel.shape
        self._dtype = tf.float64 if kernel.dtype == tf.float64 else tf.float32
        vocabulary, units = self._shape
        size = vocabulary * units * self._dtype.size
        blocks = 1 if size <= AT_ONCE_BYTES else min(MOST_BLOCKS, -(-size // BLOCK_BYTES))
        rows = -(-vocabulary // blocks)
        # Adding to one long row is faster than to many short ones; a vocabulary that is a prime number has only those.
        self._together = max(number for number in range(1, rows + 1) if vocabulary % number == 0)
        step = self._together * (rows // self._together)
        self._blocks = [(begin, min(begin + step, vocabulary)) for begin in range(0, vocabulary, step)]

    def zeros(self) -> tf.Tensor:
        """Returns the gradient of no tokens, in memory of its own: a constant may be shared and must not change."""
        vocabulary, units = self._shape
        shape = [vocabulary // self._together, self._together * units]
        return tf.raw_ops.Empty(shape=shape, dtype=self._dtype, init=True)

    def add(self, gradient: tf.Tensor, products: Sequence[tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
        """Adds the products of some chunks; the gradient that was passed must not be used again.

        Args:
            gradient: From `zeros` or `add`.
            products: The gradient by the logits [tokens, vocabulary] and the states [tokens, units] of each chunk.

        Returns:
            The gradient with them.
        """
        added: list[tf.Tensor] = []
        for begin, end in self._blocks:
            part = gradient
            rows = tf.range(begin // self._together, end // self._together)
            for by_logits, states in products:
                with tf.control_dependencies(added[-UNDER_WAY : 1 - UNDER_WAY]):
                    columns = by_logits if len(self._blocks) == 1 else by_logits[:, begin:end]
                    product = tf.matmul(tf.cast(columns, states.dtype), states, transpose_a=True)
                product = tf.reshape(tf.cast(product, self._dtype), [-1, gradient.shape[1]])
                # An alias of `part`, with some of its rows changed.
                part = tf.raw_ops.InplaceAdd(x=part, i=rows, v=product)
            added.append(part)
        with tf.control_dependencies(added):
            return tf.identity(added[0])

    def whole(self, gradient: tf.Tensor) -> tf.Tensor:
        """Returns the gradient as [vocabulary, units]; nothing is copied."""
        return tf.reshape(gradient, self._shape)
