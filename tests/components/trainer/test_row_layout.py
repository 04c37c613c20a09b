"""Which rows the lines of a corpus make, on each kind of device."""

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.components.trainer import row_layout
from tfx_lm.components.trainer.corpus_counts import CorpusCounts
from tfx_lm.components.trainer.stretches import Stretches

LINES = np.bincount([20] * 5000 + [100])


def counts(longest_context):
    return CorpusCounts(LINES, np.array([100_100]), LINES, longest_context)


@pytest.fixture
def strategy():
    return tf.distribute.get_strategy()


def test_lines_without_contexts_are_rows(strategy):
    assert row_layout.stretches_of(counts(0), 512, strategy) is None


def test_stretches_have_windows(strategy):
    assert row_layout.stretches_of(counts(48), 512, strategy) == Stretches(48, 6 * 32, 32)


def test_where_each_shape_is_compiled_stretches_have_none(strategy, monkeypatch):
    other = row_layout.layout_of(strategy)
    monkeypatch.setattr(row_layout, "compiles", lambda strategy: True)
    assert row_layout.stretches_of(counts(48), 512, strategy) == Stretches(48, 48)
    # Their batches are not those of windows, nor are their backups.
    assert row_layout.layout_of(strategy) != other
