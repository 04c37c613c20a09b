"""Which rows the lines of a corpus make, on each kind of device."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import ids_example, write_records
from tfx_lm.components.trainer import row_layout
from tfx_lm.components.trainer.corpus_counts import count_corpus
from tfx_lm.components.trainer.stretches import Stretches
from tfx_lm.components.trainer.windows import Windows

STRATEGY = tf.distribute.get_strategy()


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A document of 200 lines of 20 tokens, and its counts."""
    draw = np.random.default_rng(3)
    examples, read = [], []
    for _ in range(200):
        words = draw.integers(4, 50, 19).tolist()
        examples.append(ids_example([*words, 3], read[-48:]))
        read += [2, *words]
    files = [str(write_records(tmp_path_factory.mktemp("lines") / "a.gz", examples))]
    return files, count_corpus(files, 50, "train")


def test_lines_without_contexts_are_rows(tmp_path):
    files = [str(write_records(tmp_path / "a.gz", [ids_example([7, 3])]))]
    counts = count_corpus(files, 50, "train")
    layout = row_layout.lay_out(files, counts, 512, STRATEGY)
    assert (layout.counts, layout.stretches, layout.windows) == (counts, None, None)


@pytest.mark.parametrize("gpu", [False, True])
def test_stretches_have_windows(lines, monkeypatch, gpu):
    monkeypatch.setattr(row_layout, "on_gpu", lambda: gpu)
    layout = row_layout.lay_out(*lines, 512, STRATEGY)
    assert (layout.stretches, layout.windows) == (Stretches(48, 4096), Windows(16, 32, 256, gpu))
    assert (layout.counts.rows, layout.counts.positions, layout.buckets.batches) == (1, 4000, 8)


def test_where_each_shape_is_compiled_stretches_have_none(lines, monkeypatch):
    other = row_layout.layout_of(STRATEGY)
    monkeypatch.setattr(row_layout, "compiles", lambda strategy: True)
    layout = row_layout.lay_out(*lines, 512, STRATEGY)
    assert (layout.stretches, layout.windows) == (Stretches(48, 48), None)
    # Their batches are not those of windows, nor are their backups.
    assert row_layout.layout_of(STRATEGY) != other
