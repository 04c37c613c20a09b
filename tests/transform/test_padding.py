"""Padding: the worked example, and that it never changes what is there."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.transform.padding import pad_batch

ROWS = st.lists(st.lists(st.integers(1, 9), max_size=6), max_size=5)


def ragged(rows: list[list[int]], dtype=tf.int64) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_row_lengths(
        tf.constant([number for row in rows for number in row], dtype), [len(row) for row in rows]
    )


def test_the_worked_example():
    batch = pad_batch(ragged([[7, 9, 3]]), length=5)
    np.testing.assert_array_equal(batch.inputs, [[2, 7, 9, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[7, 9, 3, 0, 0]])
    np.testing.assert_array_equal(batch.mask, [[1, 1, 1, 0, 0]])
    assert (batch.inputs.dtype, batch.targets.dtype, batch.mask.dtype) == (tf.int64, tf.int64, tf.float32)


def test_the_worked_example_of_a_context():
    batch = pad_batch(ragged([[7, 9, 3]]), length=7, context=ragged([[2, 8, 9]]))
    np.testing.assert_array_equal(batch.inputs, [[2, 8, 9, 2, 7, 9, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 7, 9, 3, 0]])
    np.testing.assert_array_equal(batch.mask, [[0, 0, 0, 1, 1, 1, 0]])


def test_the_worked_example_of_two_lines():
    batch = pad_batch(ragged([[8, 9, 3, 7, 3]]), length=8, context=ragged([[2, 7]]))
    np.testing.assert_array_equal(batch.inputs, [[2, 7, 2, 8, 9, 2, 7, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 8, 9, 3, 7, 3, 0]])
    np.testing.assert_array_equal(batch.mask, [[0, 0, 1, 1, 1, 1, 1, 0]])


@pytest.mark.slow
@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.lists(st.integers(1, 9), max_size=6), st.lists(st.integers(1, 9), max_size=6)), max_size=5)
)
def test_a_context_comes_before_its_line_and_changes_nothing_of_it(pairs):
    rows, contexts = [row for row, _ in pairs], [context for _, context in pairs]
    alone, behind = pad_batch(ragged(rows)), pad_batch(ragged(rows), context=ragged(contexts))
    assert tf.reduce_sum(alone.mask) == tf.reduce_sum(behind.mask)
    for index, (row, context) in enumerate(pairs):
        own = slice(len(context), len(context) + len(row))
        for of_alone, of_behind in zip(alone, behind, strict=True):
            np.testing.assert_array_equal(of_behind[index, own], of_alone[index, : len(row)])
        np.testing.assert_array_equal(behind.inputs[index, : len(context)], context)
        for part in (behind.targets, behind.mask):
            assert not np.any(part[index, : len(context)]) and not np.any(part[index, own.stop :])


@pytest.mark.slow
@given(ROWS)
def test_no_context_is_the_same_as_empty_ones(rows):
    for alone, behind in zip(
        pad_batch(ragged(rows)), pad_batch(ragged(rows), context=ragged([[]] * len(rows))), strict=True
    ):
        np.testing.assert_array_equal(alone, behind)


def test_the_longest_row_decides_without_a_length():
    batch = pad_batch(ragged([[7, 9, 3], [3], [5, 6]]))
    np.testing.assert_array_equal(batch.inputs, [[2, 7, 9], [2, 0, 0], [2, 5, 0]])
    np.testing.assert_array_equal(batch.targets, [[7, 9, 3], [3, 0, 0], [5, 6, 0]])
    np.testing.assert_array_equal(batch.mask, [[1, 1, 1], [1, 0, 0], [1, 1, 0]])


def test_the_mask_comes_from_lengths_and_not_from_ids():
    batch = pad_batch(ragged([[0, 3], [3]]), length=3)
    np.testing.assert_array_equal(batch.mask, [[1, 1, 0], [1, 0, 0]])


def test_a_row_without_ids_is_padding_throughout():
    batch = pad_batch(ragged([[], [3]]))
    np.testing.assert_array_equal(batch.inputs, [[0], [2]])
    np.testing.assert_array_equal(batch.mask, [[0], [1]])


@pytest.mark.parametrize("rows", [[], [[]], [[], []]])
def test_nothing_to_pad(rows):
    assert all(part.shape == (len(rows), 0) for part in pad_batch(ragged(rows)))
    assert all(part.shape == (len(rows), 4) for part in pad_batch(ragged(rows), length=4))


@pytest.mark.slow
@pytest.mark.parametrize("length", [2, tf.constant(2, tf.int32), tf.constant(2, tf.int64)])
def test_a_row_longer_than_length_is_an_error(length):
    rows = ragged([[7, 9, 3], [3]])
    message = "a row is longer than length"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        pad_batch(rows, length)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.function(lambda: pad_batch(rows, length))()


def test_integer_types_of_ids_and_row_splits():
    narrow = ragged([[7, 9, 3]], tf.int32).with_row_splits_dtype(tf.int32)
    batch = pad_batch(narrow, length=4)
    np.testing.assert_array_equal(batch.inputs, [[2, 7, 9, 0]])
    assert batch.inputs.dtype == tf.int64


def test_a_number_as_length_is_a_static_shape():
    signature = [tf.RaggedTensorSpec([8, None], tf.int64)]
    graph = tf.function(lambda rows: pad_batch(rows, 5), input_signature=signature).get_concrete_function()
    assert [part.shape.as_list() for part in graph.structured_outputs] == [[8, 5]] * 3


def test_in_tf_data_with_batches_of_unequal_size():
    rows = [[7, 9, 3], [3], [5, 3]]
    data = tf.data.Dataset.from_tensor_slices(ragged(rows)).ragged_batch(2).map(pad_batch)
    first, second = list(data)
    np.testing.assert_array_equal(first.targets, [[7, 9, 3], [3, 0, 0]])
    np.testing.assert_array_equal(second.inputs, [[2, 5]])


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(rows=ROWS, appended=st.integers(0, 5))
def test_appending_columns_never_changes_content(rows, appended):
    tight = pad_batch(ragged(rows))
    width = tight.mask.shape[1]
    wide = pad_batch(ragged(rows), width + appended)
    for narrow_part, wide_part in zip(tight, wide, strict=True):
        np.testing.assert_array_equal(wide_part[:, :width], narrow_part)
        assert not np.any(wide_part[:, width:])


@settings(deadline=None, max_examples=50)
@given(rows=ROWS)
def test_the_mask_counts_the_ids_and_selects_them(rows):
    batch = pad_batch(ragged(rows))
    real = batch.mask.numpy() == 1
    assert batch.mask.numpy().sum() == sum(map(len, rows))
    assert batch.targets.numpy()[real].tolist() == [number for row in rows for number in row]
    # After each `</s>`, 3, the next line begins with `<s>`, 2.
    inputs = [number for row in rows if row for number in [2, *row[:-1]]]
    assert batch.inputs.numpy()[real].tolist() == [2 if number == 3 else number for number in inputs]
