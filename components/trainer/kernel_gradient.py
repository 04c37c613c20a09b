"""The gradient of the output layer's kernel, added up in place: it is as large as the kernel, and there is one."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

# A product is added in blocks of at most this size, which is all that is held beside the gradient; and in so many
# blocks at most, each of which is an operation of the graph.
BLOCK_BYTES = 2**23
MOST_BLOCKS = 16


class KernelGradient:
    """Σ by_logitsᵀ · states over chunks of tokens.

    Adding a product with `+` would need a second tensor as large as the gradient, and one for each lane of chunks that
    are computed side by side. Here the rows are divided into blocks; the products of a block are added to it in place.
    Blocks do not wait for each other.

    The value that is passed on is the float32 (float64 for float64) tensor [vocabulary, units] itself, and not a part
    of another one: what is computed from it later needs no tensor of its own, either.

    Args:
        kernel: [vocabulary, units], the kernel.
    """

    def __init__(self, kernel: tf.Tensor):
        self._shape = kernel.shape
        self._dtype = tf.float64 if kernel.dtype == tf.float64 else tf.float32
        vocabulary, units = self._shape
        blocks = min(MOST_BLOCKS, -(-vocabulary * units * self._dtype.size // BLOCK_BYTES))
        rows = -(-vocabulary // blocks)
        self._blocks = [(begin, min(begin + rows, vocabulary)) for begin in range(0, vocabulary, rows)]

    def zeros(self) -> tf.Tensor:
        """Returns the gradient of no tokens, in memory of its own: a constant may be shared and must not change."""
        return tf.raw_ops.Empty(shape=self._shape, dtype=self._dtype, init=True)

    def add(self, gradient: tf.Tensor, products: Sequence[tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
        """Adds the products of some chunks; the gradient that was passed must not be used again.

        Args:
            gradient: From `zeros` or `add`.
            products: The gradient by the logits [tokens, vocabulary] and the states [tokens, units] of each chunk.

        Returns:
            The gradient with them.
        """
        added = []
        for begin, end in self._blocks:
            part = gradient
            for by_logits, states in products:
                columns = by_logits if len(self._blocks) == 1 else by_logits[:, begin:end]
                product = tf.matmul(tf.cast(columns, states.dtype), states, transpose_a=True)
                # An alias of `part`, with some of its rows changed.
                part = tf.raw_ops.InplaceAdd(x=part, i=tf.range(begin, end), v=tf.cast(product, self._dtype))
            added.append(part)
        with tf.control_dependencies(added):
            return tf.identity(added[0])
