import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.errors import SettingError
from tfx_lm.exported import batches
from tfx_lm.exported.batches import batches_by_length


def test_the_worked_example():
    assert [rows.tolist() for rows in batches_by_length([2, 9, 3, 4], batch_bytes=12)] == [[0, 2, 3], [1]]


def test_nothing():
    assert batches_by_length([]) == []


@given(st.lists(st.integers(0, 100), max_size=80), st.integers(1, 300), st.integers(1, 9))
def test_every_row_once_and_within_the_limits(sizes, batch_bytes, max_rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MAX_ROWS", max_rows)
        found = batches_by_length(sizes, batch_bytes)
    assert sorted(row for rows in found for row in rows) == list(range(len(sizes)))
    for rows in found:
        assert 1 <= len(rows) <= max_rows
        assert len(rows) == 1 or len(rows) * np.max(np.array(sizes)[rows]) <= batch_bytes


def test_limits():
    assert [len(rows) for rows in batches_by_length([1] * 300)] == [256, 44]
    with pytest.raises(SettingError, match=r"^batch_bytes=0: must be >= 1; set batch_bytes$"):
        batches_by_length([1], batch_bytes=0)
