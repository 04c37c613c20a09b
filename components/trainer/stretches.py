"""Stretches: consecutive lines of a document, trained in one piece so that their context is read once."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ...transform.vocabulary import END_ID, START_ID


@dataclasses.dataclass(frozen=True)
class Stretches:
    """How lines become stretches.

    A line goes on with the line before it if its context is what has been read by then: the end of that line's context
    and words. So neither names of documents nor numbers of lines are needed, and lines in any other order stay what
    they are. The first line of a stretch keeps its context; the later ones read at least theirs.

    Attributes:
        context_tokens: How many tokens of context a line has at most, ≥ 1.
        targets: Targets of a stretch, ≥ 1: so many or fewer, and those of its last line beyond them.
    """

    context_tokens: int
    targets: int

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
        # Lines that go on with each other are a sequence, which is divided evenly: in batches of whole stretches, a
        # rest would have another length, and few others to share a batch.
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
