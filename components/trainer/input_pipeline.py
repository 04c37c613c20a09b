"""Input pipeline of the trainer: from the transformed examples on disk to padded batches.

Batches are filled to a number of *positions*, not of rows, with rows of like length (`buckets`) or with the next
positions of all rows (`windows`), and padded by `transform.padding`, so that little of a batch is padding and each
batch costs about the same.

The order of the sentences is a function of the seed and the number of the epoch: a training that is resumed
at epoch 3 sees in it what one that ran through would have seen.

No function here has Python control flow over tensors; AutoGraph, which would take a second to look for some, is off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from ...transform.padding import PaddedBatch, pad_batch
from ...transform.preprocessing import CONTEXT_IDS
from .buckets import Buckets
from .row_layout import RowLayout
from .transformed_examples import blocks_of, joined, lengths_of, parse, records_of, spec_of

# Stretches that are divided into positions at once.
FLATTENED_STRETCHES = 16
# Batches among which the next one is drawn, so that the buckets' last, incomplete ones do not all come at
# the end.
SHUFFLED_BATCHES = 64


@tf.autograph.experimental.do_not_convert
def training_batches(
    files: Sequence[str], layout: RowLayout, seed: int, first_epoch: int, first_batch: int, epochs: int
) -> tf.data.Dataset:
    """The batches of the epochs first_epoch … epochs - 1, one epoch after the other.

    Each epoch has exactly `layout.buckets.batches` batches and every sentence once.

    Args:
        files: TFRecord files of transformed examples.
        layout: The rows and batches of these very files.
        seed: Seed of the order.
        first_epoch: Number of the first epoch, counted from 0.
        first_batch: How many of its batches to leave out, because a killed training had finished them.
        epochs: Number after the last epoch.

    Returns:
        A dataset of `PaddedBatch`, each tensor [batch, time]; of `Window` with windows.
    """
    spec = spec_of(files)
    _, buckets, stretches, windows = layout

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_fold_in([0, seed], epoch)
        seeds = tf.random.stateless_uniform([3], order, maxval=tf.int64.max, dtype=tf.int64)
        if stretches is None:
            records = records_of(files, seeds[0]).shuffle(layout.shuffled, seeds[1], reshuffle_each_iteration=False)
            batches = _bucketed(records, buckets, spec)
        else:
            blocks = blocks_of(files, spec, seeds[0]).map(
                lambda parsed: joined(parsed, stretches), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
            )
            joined_lines = blocks.unbatch().shuffle(layout.shuffled, seeds[1], reshuffle_each_iteration=False)
            if windows is not None:
                together = joined_lines.ragged_batch(FLATTENED_STRETCHES)
                return windows.batches(together.map(lambda parts: (parts["ids"], parts[CONTEXT_IDS])))
            batches = _bucketed_rows(joined_lines, buckets)
        return batches.shuffle(SHUFFLED_BATCHES, seeds[2], reshuffle_each_iteration=False)

    batches = tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch).skip(first_batch)
    if windows is not None:
        return batches.prefetch(tf.data.AUTOTUNE)
    padded = batches.map(
        _pad if stretches else lambda records: _pad(parse(records, spec)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return padded.prefetch(tf.data.AUTOTUNE)


@tf.autograph.experimental.do_not_convert
def evaluation_batches(files: Sequence[str], buckets: Buckets) -> tf.data.Dataset:
    """Every sentence once, in an order that is always the same.

    Args:
        files: TFRecord files of transformed examples.
        buckets: Chosen from the lengths of these very files.

    Returns:
        A dataset of `PaddedBatch`, each tensor [batch, time].
    """
    spec = spec_of(files)
    batches = _bucketed(records_of(files), buckets, spec).map(
        lambda records: _pad(parse(records, spec)), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    # Where Keras doesn't know how many there are, it warns at the last one that the input ran out.
    return batches.apply(tf.data.experimental.assert_cardinality(buckets.batches)).prefetch(tf.data.AUTOTUNE)


def _bucketed(records: tf.data.Dataset, buckets: Buckets, spec: Mapping[str, tf.io.RaggedFeature]) -> tf.data.Dataset:
    """Batches of serialized examples, [batch] string, each of one bucket."""
    boundaries = tf.constant(buckets.boundaries, tf.int64)
    sizes = tf.constant(buckets.batch_sizes, tf.int64)

    def with_bucket(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        lengths = lengths_of(parse(serialized, spec))
        return serialized, tf.searchsorted(boundaries, lengths, out_type=tf.int64)

    # Parsed a thousand at a time to learn the lengths, and again as batches of a bucket: five times faster
    # than grouping parsed sentences, whose tensors go one by one through every stage.
    keyed = records.batch(1024).map(with_bucket, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return keyed.unbatch().group_by_window(
        key_func=lambda _, bucket: bucket,
        reduce_func=lambda bucket, window: window.map(lambda record, _: record).batch(tf.gather(sizes, bucket)),
        window_size_func=lambda bucket: tf.gather(sizes, bucket),
    )


def _bucketed_rows(rows: tf.data.Dataset, buckets: Buckets) -> tf.data.Dataset:
    """Batches of parsed rows, each of one bucket."""
    boundaries = tf.constant(buckets.boundaries, tf.int64)
    sizes = tf.constant(buckets.batch_sizes, tf.int64)

    def bucket_of(row: Mapping[str, tf.Tensor]) -> tf.Tensor:
        length = tf.add_n([tf.size(ids, tf.int64) for ids in row.values()])
        return tf.searchsorted(boundaries, length[None], out_type=tf.int64)[0]

    return rows.group_by_window(
        key_func=bucket_of,
        reduce_func=lambda bucket, window: window.ragged_batch(tf.gather(sizes, bucket)),
        window_size_func=lambda bucket: tf.gather(sizes, bucket),
    )


def _pad(rows: Mapping[str, tf.RaggedTensor]) -> PaddedBatch:
    return pad_batch(rows["ids"], context=rows.get(CONTEXT_IDS))
