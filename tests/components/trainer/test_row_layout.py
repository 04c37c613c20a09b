"""What the lines of a corpus are joined to, on each kind of device."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import ids_example, write_records
from tfx_lm.components.trainer import row_layout
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.corpus_counts import CorpusCounts, count_corpus
from tfx_lm.components.trainer.input_pipeline import training_batches
from tfx_lm.components.trainer.row_layout import RowLayout
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


@pytest.mark.slow
@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("batch_tokens", [68, 100, 512, 4096])
def test_an_epoch_has_as_many_batches_as_were_counted(lines, monkeypatch, batch_tokens, gpu):
    monkeypatch.setattr(row_layout, "on_gpu", lambda: gpu)
    layout = row_layout.lay_out(*lines, batch_tokens, STRATEGY)
    batches = list(training_batches(lines[0], layout, 1, 0, 0, 1))
    assert len(batches) == layout.buckets.batches
    assert sum(float(tf.reduce_sum(batch.mask)) for batch in batches) == 4000
    assert all(batch.mask.shape[0] == layout.windows.rows for batch in batches)


def test_stretches_are_shuffled_within_a_bound_of_memory():
    few = CorpusCounts(np.bincount([4000] * 3), np.ones(4), np.ones(1), 48)
    long = RowLayout(few, Buckets((1,), (1,), 1, 0.0), Stretches(48, 4096))
    # 2**27 bytes are 2**24 ids.
    assert long.shuffled == 1 + 2**24 // 4000
    assert long._replace(counts=dataclasses.replace(few, lengths=np.bincount([60]))).shuffled == 25_000
    assert long._replace(stretches=None).shuffled == 200_000


def test_where_each_shape_is_compiled_stretches_have_none(lines, monkeypatch):
    other = row_layout.layout_of(STRATEGY)
    monkeypatch.setattr(row_layout, "compiles", lambda strategy: True)
    layout = row_layout.lay_out(*lines, 512, STRATEGY)
    assert (layout.stretches, layout.windows) == (Stretches(48, 48), None)
    # Their batches are not those of windows, nor are their backups.
    assert row_layout.layout_of(STRATEGY) != other
