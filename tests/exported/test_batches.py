import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.exported.batches import batches_by_length


def test_the_worked_example():
    assert [batch.tolist() for batch in batches_by_length([2, 9, 3, 4], max_padded=12)] == [[0, 2, 3], [1]]


def test_nothing():
    assert batches_by_length([]) == []


@given(st.lists(st.integers(0, 100), max_size=80), st.integers(1, 300), st.integers(1, 9))
def test_every_row_once_and_within_the_limits(sizes, max_padded, max_rows):
    batches = batches_by_length(sizes, max_padded, max_rows)
    assert sorted(row for batch in batches for row in batch) == list(range(len(sizes)))
    for batch in batches:
        assert 1 <= len(batch) <= max_rows
        assert len(batch) == 1 or len(batch) * np.max(np.array(sizes)[batch]) <= max_padded


def test_limits():
    with pytest.raises(ValueError, match="max_rows=0: must be >= 1"):
        batches_by_length([1], max_rows=0)
