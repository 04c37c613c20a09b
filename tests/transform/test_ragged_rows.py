"""Ragged rows, made with few operations."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.transform import ragged_rows

ROWS = st.lists(st.lists(st.integers(-5, 5), max_size=4), max_size=6)


def ragged(rows: list[list[int]]) -> tf.RaggedTensor:
    return tf.ragged.constant(rows, tf.int64, ragged_rank=1)


def test_the_docstrings_examples():
    assert ragged_rows.positions(tf.constant([False, True, True])).numpy().tolist() == [1, 2]
    ends = tf.constant([2, 2, 3], tf.int64)
    assert ragged_rows.rows_of_values(ends, tf.constant(3, tf.int64)).numpy().tolist() == [0, 0, 2]
    assert ragged_rows.begin_with(2, ragged([[7, 9], []])).to_list() == [[2, 7, 9], [2]]
    assert ragged_rows.end_with(3, ragged([[7, 9], []])).to_list() == [[7, 9, 3], [3]]


@given(ROWS, st.sampled_from([tf.int32, tf.int64]))
def test_any_rows(rows, type_of_splits):
    given_rows = ragged(rows).with_row_splits_dtype(type_of_splits)
    assert ragged_rows.begin_with(8, given_rows).to_list() == [[8, *row] for row in rows]
    assert ragged_rows.end_with(9, given_rows).to_list() == [[*row, 9] for row in rows]
    split = ragged(rows)
    found = ragged_rows.rows_of_values(split.row_splits[1:], tf.size(split.flat_values, tf.int64))
    assert found.numpy().tolist() == [number for number, row in enumerate(rows) for _ in row]


@pytest.mark.parametrize("function", [ragged_rows.begin_with, ragged_rows.end_with])
def test_few_operations(function):
    graph = tf.function(lambda rows: function(3, rows), autograph=False).get_concrete_function(
        tf.RaggedTensorSpec([None, None], tf.int64)
    )
    assert len(graph.graph.get_operations()) < 50
    assert graph(ragged([[7], [], [8, 9]])).nrows() == 3
