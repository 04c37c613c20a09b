"""The automatic max_length is exact, and the same in whatever order Beam reads."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.transform.lengths import SmallestLength, maximum_length, smallest_length

LENGTHS = st.lists(st.integers(1, 3000), min_size=1, max_size=60)


def by_definition(lengths: list[int]) -> int:
    total = sum(lengths)
    tried = 2
    while 1000 * sum(min(length, tried) for length in lengths) < 999 * total:
        tried += 1
    return tried


def combine(shards: list[list[list[int]]]) -> np.ndarray:
    """The combiner on shards of batches of lengths."""
    combiner = SmallestLength()
    accumulators = []
    for batches in shards:
        accumulator = combiner.create_accumulator()
        for batch in batches:
            accumulator = combiner.add_input(accumulator, np.array(batch, np.int64))
        accumulators.append(accumulator)
    return combiner.extract_output(combiner.merge_accumulators(iter(accumulators)))


def test_the_worked_example():
    assert smallest_length({10: 90, 100: 1}) == 99


def test_exactly_the_share_is_enough():
    # 999 of 1000 tokens are 99.9 %, which no binary fraction expresses.
    assert smallest_length({500: 1, 499: 1, 1: 1}) == 499
    assert smallest_length({500: 1, 499: 1}) == 500


@pytest.mark.parametrize("lines", [{}, {1: 5}, {2: 3}])
def test_never_below_two(lines):
    assert smallest_length(lines) == 2


@pytest.mark.slow
@given(LENGTHS)
def test_the_definition(lengths):
    assert smallest_length(Counter(lengths)) == by_definition(lengths)


@given(data=st.data(), lengths=LENGTHS)
def test_order_shards_and_batches_do_not_matter(data, lengths):
    shuffled = data.draw(st.permutations(lengths))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lengths)), max_size=4)))
    parts = [shuffled[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(lengths)], strict=True)]
    together = combine([[lengths]])
    assert (together.dtype, together.shape) == (np.int64, ())
    assert combine([[part] for part in parts]) == combine([parts]) == together


def test_no_shards():
    assert combine([]) == 2


def test_a_number_is_itself():
    assert maximum_length(64, tf.constant([3], tf.int64)) == tf.constant(64, tf.int64)


@pytest.mark.parametrize("setting", [1, 0, -5, True, 2.5, "64", None])
def test_impossible_settings(setting):
    with pytest.raises(ValueError) as error:
        maximum_length(setting, tf.constant([3], tf.int64))
    assert str(error.value) == f"max_length={setting!r}: must be >= 2 or auto; set max_length"
