"""Rows dealt to replicas: each of them once, and none of the replicas without a row."""

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.replica_batches import deal, distribute, fill
from tfx_lm.transform.padding import pad_batch


def test_the_rows_are_dealt_like_cards():
    dealt = deal(pad_batch(tf.ragged.constant([[7, 3], [9, 3], [8, 3]])), 2)
    assert dealt.targets.numpy().tolist() == [[[7, 3], [8, 3]], [[9, 3], [0, 0]]]
    assert dealt.inputs.numpy().tolist() == [[[2, 7], [2, 8]], [[2, 9], [0, 0]]]
    assert dealt.mask.numpy().tolist() == [[[1, 1], [1, 1]], [[1, 1], [0, 0]]]


@pytest.mark.parametrize("replicas", [1, 2, 3, 8])
def test_every_replica_has_as_many_rows_and_no_token_is_lost(replicas):
    batch = pad_batch(tf.ragged.constant([[7, 9, 3], [4, 3], [5, 6, 7, 8, 3], [3], [6, 3]]))
    dealt = deal(batch, replicas)
    assert dealt.targets.shape == (replicas, -(-5 // replicas), 5)
    # The replicas' rows in turn are the batch again.
    rows = dealt.targets.numpy().transpose(1, 0, 2).reshape(-1, 5)
    np.testing.assert_array_equal(rows[:5], batch.targets)
    assert not rows[5:].any()
    assert tf.reduce_sum(dealt.mask) == tf.reduce_sum(batch.mask) == 13


def test_a_batch_is_filled_to_the_shape_of_its_bucket():
    buckets = Buckets((2, 4), (4, 2), 2, 0.0)
    filled = fill(pad_batch(tf.ragged.constant([[7, 8, 3]])), buckets)
    assert filled.targets.numpy().tolist() == [[7, 8, 3, 0], [0, 0, 0, 0]]
    assert filled.inputs.numpy().tolist() == [[2, 7, 8, 0], [0, 0, 0, 0]]
    assert filled.mask.numpy().tolist() == [[1, 1, 1, 0], [0, 0, 0, 0]]
    assert fill(pad_batch(tf.ragged.constant([[3]])), buckets).mask.shape == (4, 2)


def test_one_device_gets_the_batches_as_they_are():
    batches = tf.data.Dataset.range(3)
    assert distribute(tf.distribute.get_strategy(), batches, Buckets((2,), (4,), 1, 0.0)) is batches
