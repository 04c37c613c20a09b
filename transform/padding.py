"""Padding of ids of different lengths to the inputs, targets and mask of one batch."""

from typing import NamedTuple

import tensorflow as tf

from .vocabulary import END_ID, PAD_ID, START_ID


class PaddedBatch(NamedTuple):
    """A batch of a language model, which reads `inputs` and predicts `targets` where `mask` is 1.

    Attributes:
        inputs: int64 `[batch, T]`: the context if there is one, `<s>`, then all targets but the last, `<s>` again in
            place of the `</s>` of a line before the last; 0 on padding.
        targets: int64 `[batch, T]`; 0 on context and padding.
        mask: float32 `[batch, T]`: 1.0 on targets, 0.0 on context and padding. Made from the lengths,
            not from the ids, so an id 0 is never mistaken for padding.
    """

    inputs: tf.Tensor
    targets: tf.Tensor
    mask: tf.Tensor


def pad_batch(
    ids: tf.RaggedTensor, length: int | tf.Tensor | None = None, context: tf.RaggedTensor | None = None
) -> PaddedBatch:
    """Shifts and pads (on the right) a batch of target rows, each behind its context.

    `"the cat"` with the = 7 and cat = 9 lies on disk as ids `[7, 9, 3]`. With `length=5`:

        inputs   [2, 7, 9, 0, 0]
        targets  [7, 9, 3, 0, 0]
        mask     [1, 1, 1, 0, 0]

    Behind a line `a cat` with a = 8, whose inputs are the context `[2, 8, 9]`, with `length=7`:

        inputs   [2, 8, 9, 2, 7, 9, 0]
        targets  [0, 0, 0, 7, 9, 3, 0]
        mask     [0, 0, 0, 1, 1, 1, 0]

    So a context is read and adds nothing to a sum, like padding. Without one the row is the first example's.

    A row may hold several lines, each with its `</s>`. The lines `a cat` and `the`, ids `[8, 9, 3, 7, 3]`, behind the
    context `[2, 7]`, with `length=8`:

        inputs   [2, 7, 2, 8, 9, 2, 7, 0]
        targets  [0, 0, 8, 9, 3, 7, 3, 0]
        mask     [0, 0, 1, 1, 1, 1, 1, 0]

    A row without ids becomes its context and padding. Works eagerly, in `tf.data` and in
    `tf.function`.

    Args:
        ids: `[batch, None]` integers, the targets of each row: the words of a line, then `</s>` unless it was cut.
        length: T; None: the length of the longest row.
        context: `[batch, None]` integers, the inputs that each row reads before its own; None: none.

    Returns:
        The padded batch, `[batch, T]` each.

    Raises:
        tf.errors.InvalidArgumentError: If a row with its context is longer than `length`.
    """
    rows = ids if context is None else tf.concat([context, ids], axis=1)
    lengths = rows.row_lengths()
    longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
    if length is None:
        steps = longest
    else:
        steps = tf.cast(length, lengths.dtype)
        check = tf.debugging.assert_less_equal(
            longest, steps, "a row is longer than length: cut it first, or give a larger length"
        )
        # In a graph nothing runs an assertion that nothing depends on; eagerly there is no operation.
        with tf.control_dependencies([] if check is None else [check]):
            steps = tf.identity(steps)
    targets = tf.cast(rows.to_tensor(default_value=PAD_ID, shape=tf.stack([-1, steps])), tf.int64)
    real = tf.sequence_mask(lengths, steps)
    start = tf.fill([tf.shape(targets)[0], 1], tf.constant(START_ID, tf.int64))
    # Shifting the padded rows would leave each `</s>` as an input on the first step of padding.
    shifted = tf.concat([start, targets], axis=1)[:, :-1]
    inputs = tf.where(real, tf.where(shifted == END_ID, start, shifted), tf.constant(PAD_ID, tf.int64))
    if context is not None:
        sizes = context.row_lengths()
        read = tf.sequence_mask(sizes, steps)
        first = real & (tf.range(steps) == sizes[:, tf.newaxis])
        inputs = tf.where(read, targets, tf.where(first, start, inputs))
        targets = tf.where(read, tf.constant(PAD_ID, tf.int64), targets)
        real &= ~read
    if isinstance(length, int):
        inputs, targets, real = (tf.ensure_shape(part, [ids.shape[0], length]) for part in (inputs, targets, real))
    return PaddedBatch(inputs, targets, tf.cast(real, tf.float32))
