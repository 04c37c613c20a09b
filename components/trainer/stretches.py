"""Stretches: consecutive lines of a document, trained as one row so that their context is read once.

A long stretch is trained in *windows*, each in a batch of its own. The LSTM layers carry their state from one to the
next.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from ...transform.vocabulary import END_ID, START_ID
from .buckets import Buckets, choose_buckets

# Targets of a row in a batch, at least; half of the context if that is more. Measured: `benchmarks/README.md`.
WINDOW = 32
# Windows of a stretch, but for its last line. With so many, the context is a small part of what is read.
MOST_WINDOWS = 32
# The last batches of stretches of each length are not full. This part of the batches of an epoch may be such, if all
# numbers of windows occur up to that of a stretch; longer lines make more.
UNFILLED = 0.1


@dataclasses.dataclass(frozen=True)
class Stretches:
    """How lines become stretches, and stretches batches.

    A line goes on with the line before it if its context is what has been read by then: the end of that line's context
    and words. So neither names of documents nor numbers of lines are needed, and lines in any other order stay what
    they are. The first line of a stretch keeps its context; the later ones read at least theirs.

    Attributes:
        context_tokens: How many tokens of context a line has at most, ≥ 1.
        targets: Targets of a stretch, ≥ 1: so many or fewer, and those of its last line beyond them.
        window: Positions of a row in each batch but the first, which has the context, too; 0 if a stretch is read in
            one batch.
    """

    context_tokens: int
    targets: int
    window: int = 0

    @classmethod
    def carried(cls, context_tokens: int, tokens: int, positions: int) -> Stretches:
        """Returns stretches of several windows.

        Args:
            context_tokens: How many tokens of context a line has at most.
            tokens: Targets of the corpus. With few, stretches are shorter, since there are more lengths than batches.
            positions: Positions of a batch.
        """
        window = min(max(WINDOW, context_tokens // 2), positions)
        windows = min(MOST_WINDOWS, math.isqrt(int(2 * UNFILLED * tokens / positions)))
        return cls(context_tokens, max(context_tokens, windows * window), window)

    @classmethod
    def whole(cls, context_tokens: int, longest_line: int, positions: int) -> Stretches:
        """Returns stretches that are read in one batch, with as many targets as context if a batch has room for them.

        Args:
            context_tokens: How many tokens of context a line has at most.
            longest_line: Targets of the longest line.
            positions: Positions of a batch.
        """
        room = positions - context_tokens - longest_line + 1
        return cls(context_tokens, max(1, min(context_tokens, room)))

    @property
    def first_window(self) -> int:
        """The positions of a row in the first batch of its stretch: the context and a window."""
        return self.context_tokens + self.window

    def buckets(self, histogram: np.ndarray, positions: int) -> Buckets:
        """Chooses which stretches share batches: of one window by their lengths, others by their number of windows.

        With `context_tokens=3`, `window=4` and 10 positions, stretches of 5, 5, 9 and 15 positions make six batches:
        one of the first two, two of the third (7 and 2 positions) and three of the fourth (7, 4 and 4).

        Args:
            histogram: [longest + 1] int, how many stretches have each number of positions.
            positions: Positions of a batch.
        """
        if not self.window:
            return choose_buckets(histogram, positions)
        first, longest = self.first_window, len(histogram) - 1
        boundaries, sizes, batches, padding = [], [], 0, 0.0
        real = int(np.arange(longest + 1) @ histogram)
        if histogram[: first + 1].any():
            short = choose_buckets(histogram[: first + 1], positions)
            boundaries, sizes, batches = [*short.boundaries], [*short.batch_sizes], short.batches
            padding = short.padding
        read = float(np.arange(min(first, longest) + 1) @ histogram[: first + 1]) / (1.0 - padding)
        rows = max(1, positions // self.window)
        for windows in range(2, 2 + -(-max(0, longest - first) // self.window)):
            boundary = first + self.window * (windows - 1)
            stretches = int(histogram[boundary - self.window + 1 : boundary + 1].sum())
            if stretches:
                boundaries.append(boundary)
                sizes.append(rows)
                batches += windows * -(-stretches // rows)
                read += stretches * boundary
        return Buckets(tuple(boundaries), tuple(sizes), batches, 1.0 - real / read)

    def join(self, ids: tf.RaggedTensor, context: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Joins lines to stretches; every target stays what it is, and is scored once.

        With `context_tokens=3` and `targets=4`, the lines `a cat`, `sat` and `the dog` of one document, with a = 8,
        cat = 9, sat = 7, the = 5 and dog = 6:

            ids      [8, 9, 3]   [7, 3]      [5, 6, 3]
            context  []          [2, 8, 9]   [9, 2, 7]

        become the stretches

            ids      [8, 9, 3, 7, 3]   [5, 6, 3]
            context  []                [9, 2, 7]

        Args:
            ids: int64 `[lines, None]`, the targets of each line, in the order of the text.
            context: int64 `[lines, None]`, what is read before each line.

        Returns:
            The targets and the context of each stretch, int64 `[stretches, None]` each; see `pad_batch`.
        """
        limits = tf.cast(ids.row_splits, tf.int64)
        begins = limits[:-1]
        apart = ~self._goes_on(ids, context)
        # Lines that go on with each other are a sequence, which is divided evenly: a rest would be a stretch of another
        # length, with few others to share a batch.
        ends = tf.concat([tf.boolean_mask(begins, apart), limits[-1:]], axis=0)
        sequence = tf.cumsum(tf.cast(apart, tf.int64)) - 1
        sizes = tf.gather(ends[1:] - ends[:-1], sequence)
        offsets = begins - tf.gather(ends, sequence)
        part = offsets * -(-sizes // self.targets) // tf.maximum(sizes, 1)
        first = tf.where(apart | (part != tf.concat([part[:1], part[:-1]], axis=0)))[:, 0]
        splits = tf.cast(tf.concat([tf.gather(begins, first), limits[-1:]], axis=0), ids.row_splits.dtype)
        return tf.RaggedTensor.from_row_splits(ids.flat_values, splits, validate=False), tf.gather(context, first)

    def _goes_on(self, ids: tf.RaggedTensor, context: tf.RaggedTensor) -> tf.Tensor:
        """Returns whether each line goes on with the one before it; bool `[lines]`."""
        # A line that was cut is not all that its successor has read.
        whole = tf.reduce_any(tf.equal(ids[:, -1:], END_ID), axis=1)
        start = tf.fill([ids.nrows(), 1], tf.constant(START_ID, tf.int64))
        read = tf.concat([context, start, ids[:, :-1]], axis=1)[:, -self.context_tokens :]
        shape = [None, self.context_tokens]
        left = read.to_tensor(-1, shape=shape)[:-1]
        right = context.to_tensor(-1, shape=shape)[1:]
        return tf.concat([[False], whole[:-1] & tf.reduce_all(left == right, axis=1)], axis=0)[: ids.nrows()]
