"""Distribution of the rows of each batch over the replicas."""

from __future__ import annotations

import tensorflow as tf

from ...transform.padding import PaddedBatch
from .buckets import Buckets
from .windows import Window


@tf.autograph.experimental.do_not_convert
def distribute(strategy: tf.distribute.Strategy, batches: tf.data.Dataset, buckets: Buckets) -> tf.data.Dataset:
    """Returns the batches as `fit` wants them under a strategy: each replica gets its rows of every batch.

    Each worker reads all of the batches, which are the same on all of them, and takes the rows of its own
    replicas. So the batches of N replicas are those of one device, whatever N is.

    Args:
        strategy: From `choose_strategy`.
        batches: `PaddedBatch`es or `Window`s, the same ones in the same order in every worker.
        buckets: The buckets of the batches.

    Returns:
        `batches` itself for one replica; else a dataset without an end, which `fit` must be given the number of
        steps with. (At an end that comes unforeseen, the workers would have to agree on it at each step.)
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1 and not compiles(strategy):
        return batches

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        own = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * own

        def own_rows(batch: PaddedBatch | Window) -> tf.data.Dataset:
            rows = PaddedBatch(batch.inputs, batch.targets, batch.mask)
            dealt = deal(fill(rows, buckets) if compiles(strategy) else rows, replicas)
            inputs, targets, mask = (part[first : first + own] for part in dealt)
            mine: PaddedBatch | Window = PaddedBatch(inputs, targets, mask)
            if isinstance(batch, Window):
                begins = _dealt(batch.begins, replicas)[first : first + own]
                mine = Window(inputs, targets, mask, begins, tf.repeat(batch.left, own))
            return tf.data.Dataset.from_tensor_slices(mine)

        return batches.repeat().flat_map(own_rows).prefetch(tf.data.AUTOTUNE)

    return strategy.distribute_datasets_from_function(of_worker)


def compiles(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether the strategy compiles the step once for each shape, so that there must be few shapes."""
    return isinstance(strategy, tf.distribute.TPUStrategy)


def deal(batch: PaddedBatch, replicas: int) -> PaddedBatch:
    """Deals the rows like cards, row i to replica i mod replicas.

    Every replica gets the same number of rows. If the batch has too few, rows of padding with mask 0 are added: no
    replica ever has an empty batch, and no sum changes. Three sentences for two replicas (the targets):

        7 3            replica 0:  7 3    replica 1:  9 3
        9 3                        8 3                0 0
        8 3

    Args:
        batch: [batch, time] each.
        replicas: How many there are.

    Returns:
        [replicas, ceil(batch / replicas), time] each.
    """
    return PaddedBatch(*(_dealt(part, replicas) for part in batch))


def _dealt(part: tf.Tensor, replicas: int) -> tf.Tensor:
    sentences, time = tf.unstack(tf.shape(part))
    rows = -(-sentences // replicas)
    part = tf.pad(part, [[0, rows * replicas - sentences], [0, 0]])
    return tf.transpose(tf.reshape(part, tf.stack([rows, replicas, time])), [1, 0, 2])


def fill(batch: PaddedBatch, buckets: Buckets) -> PaddedBatch:
    """Pads a batch to the full shape of its bucket, so that there are no more shapes than buckets.

    With boundaries (2, 4) and batch sizes (4, 2), the targets

        7 8 3   become   7 8 3 0
                         0 0 0 0

    Args:
        batch: [batch, time] each.
        buckets: The buckets of the batches.

    Returns:
        [batch size, boundary] each, of the first bucket that is long enough.
    """
    sentences, time = tf.unstack(tf.shape(batch.inputs))
    bucket = tf.searchsorted(tf.constant(buckets.boundaries), time[None])[0]
    rows, steps = tf.gather(buckets.batch_sizes, bucket), tf.gather(buckets.boundaries, bucket)
    return PaddedBatch(*(tf.pad(part, [[0, rows - sentences], [0, steps - time]]) for part in batch))
