"""Windows: the batches in which stretches are trained, a few positions of each row at a time.

All stretches of an epoch, one behind the other, are divided into rows. A batch has the next positions of every row, and
the LSTM layers carry their state from each batch to the next. So all batches but the last ones have as many
positions, whatever the lengths of the stretches.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ...transform.padding import pad_batch
from .buckets import Buckets

# Positions of a row in a batch; half of the context if that is more. Measured: `benchmarks/README.md`.
WINDOW = 32
# Windows of a row, about. Then the states are zero, a backup may be saved, and other rows begin.
ROW_WINDOWS = 128
# Windows of a row at least, if need be with fewer rows: a row may begin within a stretch, and has no context there.
LEAST_WINDOWS = 4


class Positions(NamedTuple):
    """Some positions of stretches, one behind the other.

    Attributes:
        inputs: As in `PaddedBatch`, int64 `[positions]`.
        targets: int64 `[positions]`.
        mask: float32 `[positions]`.
        begins: bool `[positions]`, whether a stretch begins here, before which the state is zero.
    """

    inputs: tf.Tensor
    targets: tf.Tensor
    mask: tf.Tensor
    begins: tf.Tensor


class Window(NamedTuple):
    """A batch of rows; the next batch goes on with the same rows until none is left.

    Attributes:
        inputs: As in `PaddedBatch`, int64 `[batch, T]`.
        targets: int64 `[batch, T]`.
        mask: float32 `[batch, T]`.
        begins: bool `[batch, T]`, whether a row or a stretch begins here, before which the state is zero.
        left: int32 scalar, how many windows of the same rows follow.
    """

    inputs: tf.Tensor
    targets: tf.Tensor
    mask: tf.Tensor
    begins: tf.Tensor
    left: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Windows:
    """How stretches are divided into rows, and rows into windows.

    Attributes:
        rows: Rows of a batch.
        window: Positions of a row in a batch; the last batch of some rows may have fewer.
        length: Positions of a row, a multiple of `window`; the last rows of an epoch may have fewer.
        aligned: Whether a stretch begins only where a window does, behind padding: on a GPU, whose LSTM kernel cannot
            set a state to zero within a row.
    """

    rows: int
    window: int
    length: int
    aligned: bool = False

    @classmethod
    def fitting(cls, context_tokens: int, histogram: np.ndarray, positions: int, aligned: bool = False) -> Windows:
        """Returns windows for a corpus.

        Args:
            context_tokens: How many tokens of context a line has at most.
            histogram: [longest + 1] int, how many stretches have each number of positions.
            positions: Positions of a batch.
            aligned: See the class.
        """
        window = window_of(context_tokens, positions)
        total = _read(histogram, window if aligned else 1)
        rows = max(1, min(positions // window, total // (LEAST_WINDOWS * window)))
        if total <= rows * window * ROW_WINDOWS:
            return cls(rows, window, window * -(-total // (rows * window)), aligned)
        # So that the last rows are not much shorter than the others.
        lengths = range(window * ROW_WINDOWS, window * ROW_WINDOWS // 2, -window)
        return cls(rows, window, min(lengths, key=lambda length: -total % (rows * length)), aligned)

    def buckets(self, histogram: np.ndarray) -> Buckets:
        """Counts the batches of an epoch.

        With 2 rows of 8 positions and windows of 4, 30 positions make four batches: two of the first 16
        positions, and two of the other 14.

        Args:
            histogram: [longest + 1] int, how many stretches have each number of positions.
        """
        # The end of the last rows is not counted as padding: less than a position for each of them, if not aligned.
        total = _read(histogram, self.window if self.aligned else 1)
        whole, rest = divmod(total, self.rows * self.length)
        batches = whole * (self.length // self.window) + -(-rest // (self.rows * self.window))
        return Buckets((self.length,), (self.rows,), batches, 1.0 - _read(histogram, 1) / total)

    @tf.autograph.experimental.do_not_convert
    def batches(self, stretches: tf.data.Dataset) -> tf.data.Dataset:
        """Divides stretches into batches.

        Args:
            stretches: Batches of ragged `(ids, context)`, as `pad_batch` takes them.

        Returns:
            A dataset of `Window`.
        """
        flat = stretches.map(self.positions, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return flat.rebatch(self.rows * self.length).flat_map(self.divide)

    def positions(self, ids: tf.RaggedTensor, context: tf.RaggedTensor) -> Positions:
        """Returns the positions of some stretches, one stretch behind the other.

        With `window=4`, the stretches `[7, 9, 3]` behind the context `[2, 8]`, and `[5, 3]` without one:

                     not aligned               aligned
            inputs   2  8  2  7  9  2  5       2  8  2  7  9  0  0  0  2  5  0  0
            targets  0  0  7  9  3  5  3       0  0  7  9  3  0  0  0  5  3  0  0
            mask     0  0  1  1  1  1  1       0  0  1  1  1  0  0  0  1  1  0  0
            begins   1  0  0  0  0  1  0       1  0  0  0  0  0  0  0  1  0  0  0

        Args:
            ids: int64 `[stretches, None]`, as `pad_batch` takes them.
            context: int64 `[stretches, None]`.
        """
        lengths = ids.row_lengths() + context.row_lengths()
        if self.aligned:
            lengths = -(-lengths // self.window) * self.window
        steps = tf.reduce_max(lengths)
        padded = pad_batch(ids, steps, context)
        real = tf.sequence_mask(lengths, steps)
        begins = tf.broadcast_to(tf.range(steps) == 0, tf.shape(real))
        return Positions(*(tf.boolean_mask(part, real) for part in (*padded, begins)))

    def divide(self, positions: Positions) -> tf.data.Dataset:
        """Divides positions into rows of the same length, and those into windows.

        With `rows=2` and `window=2`, seven positions of the stretches `[7, 8, 9, 3]` and `[5, 6, 3]`:

            inputs   [2, 7, 8, 9]        [2, 7] [8, 9]
                     [2, 5, 6]           [2, 5] [6, 0]
            begins   [1, 0, 0, 0]        [1, 0] [0, 0]
                     [1, 0, 0]           [1, 0] [0, 0]
            left                         1      0

        Args:
            positions: `rows * length` of them or fewer.

        Returns:
            A dataset of `Window`.
        """
        total = tf.size(positions.inputs)
        length = -(-total // self.rows)
        if self.aligned:
            length = -(-length // self.window) * self.window
        count = -(-length // self.window)
        grid = [
            tf.reshape(tf.pad(part, [[0, self.rows * length - total]]), tf.stack([self.rows, length]))
            for part in positions
        ]
        # A row that begins within a stretch has no state to go on from.
        grid[3] |= tf.range(length) == 0

        def one(number: tf.Tensor) -> Window:
            begin = number * self.window
            inputs, targets, mask, begins = (
                tf.ensure_shape(part[:, begin : begin + self.window], [self.rows, None]) for part in grid
            )
            return Window(inputs, targets, mask, begins, count - 1 - number)

        return tf.data.Dataset.range(tf.cast(count, tf.int64), output_type=tf.int32).map(one)


def window_of(context_tokens: int, positions: int) -> int:
    """Returns the positions of a row in a batch.

    Args:
        context_tokens: How many tokens of context a line has at most.
        positions: Positions of a batch.
    """
    return min(max(WINDOW, context_tokens // 2), positions)


def _read(histogram: np.ndarray, multiple: int) -> int:
    """Returns the positions of all stretches, each filled to a multiple."""
    lengths = np.arange(len(histogram))
    return int((-(-lengths // multiple) * multiple) @ histogram)
