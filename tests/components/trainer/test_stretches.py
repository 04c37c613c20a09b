"""Stretches of lines: the worked example, and that every target is read behind what came before it."""

import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import ids_example, write_records
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.components.trainer import callbacks, input_pipeline, row_layout
from tfx_lm.components.trainer import windows as windows_module
from tfx_lm.components.trainer.backup import Backup
from tfx_lm.components.trainer.buckets import choose_buckets
from tfx_lm.components.trainer.corpus_counts import count_corpus
from tfx_lm.components.trainer.fit import train
from tfx_lm.components.trainer.row_layout import RowLayout
from tfx_lm.components.trainer.stretches import Stretches
from tfx_lm.components.trainer.transformed_examples import list_files
from tfx_lm.components.trainer.windows import Windows
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.padding import pad_batch

START, END = 2, 3
LINES = st.lists(st.lists(st.integers(4, 9), max_size=6), max_size=6)


def ragged(rows):
    return tf.RaggedTensor.from_row_lengths(
        tf.constant([number for row in rows for number in row], tf.int64), [len(row) for row in rows]
    )


def in_context(documents, tokens):
    """The targets of all lines, and what is read before each."""
    ids, contexts = [], []
    for document in documents:
        read = []
        for words in document:
            ids.append([*words, END])
            contexts.append(read[-tokens:])
            read = [*read, START, *words]
    return ids, contexts


def test_the_worked_example():
    ids, context = [[8, 9, 3], [7, 3], [5, 6, 3]], [[], [2, 8, 9], [9, 2, 7]]
    assert in_context([[[8, 9], [7], [5, 6]]], 3) == (ids, context)
    joined, before = Stretches(context_tokens=3, targets=4).join(ragged(ids), ragged(context))
    assert joined.to_list() == [[8, 9, 3, 7, 3], [5, 6, 3]]
    assert before.to_list() == [[], [9, 2, 7]]


def test_the_example_of_the_guide():
    """`docs/guide/context.md`."""
    ids, context = [[8, 9, 3], [10, 3], [7, 6, 3]], [[2, 7], [2, 8, 9], [9, 2, 10]]
    joined, before = Stretches(context_tokens=3, targets=8).join(ragged(ids), ragged(context))
    batch = pad_batch(joined, context=before)
    np.testing.assert_array_equal(batch.inputs, [[2, 7, 2, 8, 9, 2, 10, 2, 7, 6]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 8, 9, 3, 10, 3, 7, 6, 3]])
    np.testing.assert_array_equal(batch.mask, [[0, 0, 1, 1, 1, 1, 1, 1, 1, 1]])


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(documents=st.lists(LINES, max_size=4), tokens=st.integers(1, 8), targets=st.integers(1, 30))
def test_every_target_once_behind_at_least_its_own_context(documents, tokens, targets):
    ids, contexts = in_context(documents, tokens)
    joined, before = Stretches(tokens, targets).join(ragged(ids), ragged(contexts))
    assert joined.flat_values.numpy().tolist() == [target for line in ids for target in line]
    longest = max([len(line) for line in ids], default=0)
    assert all(len(stretch) < targets + longest for stretch in joined.to_list())
    batch = pad_batch(joined, context=before)
    real = batch.mask.numpy() == 1
    assert real.sum() == sum(map(len, ids))
    line = iter(zip(ids, contexts, strict=True))
    for inputs, own in zip(batch.inputs.numpy(), real, strict=True):
        position = int(np.argmax(own)) if own.any() else len(own)
        while position < len(own) and own[position]:
            targets_of_line, context = next(line)
            end = position + len(targets_of_line)
            assert inputs[position:end].tolist() == [START, *targets_of_line[:-1]]
            assert inputs[position - len(context) : position].tolist() == context
            position = end
    assert next(line, None) is None


@pytest.mark.parametrize(
    ("ids", "context"),
    [
        ([[8, 9, 3], [7, 3]], [[], []]),  # Two documents.
        ([[7, 3], [8, 9, 3]], [[2, 8, 9], []]),  # The lines of a document, the other way round.
        ([[8, 9, 3], [7, 3]], [[], [2, 8]]),  # Another line came before.
        ([[8, 9], [7, 3]], [[], [2, 8, 9]]),  # The line was cut, and its end was read.
    ],
)
def test_lines_that_do_not_go_on_stay_alone(ids, context):
    joined, before = Stretches(context_tokens=5, targets=100).join(ragged(ids), ragged(context))
    assert (joined.to_list(), before.to_list()) == (ids, context)


def test_a_document_with_as_many_tokens_as_a_context_begins_nothing():
    """A context of one token can be that of any line behind the same word: what is read is the same."""
    joined, before = Stretches(context_tokens=1, targets=100).join(ragged([[8, 3], [7, 3]]), ragged([[], [8]]))
    assert (joined.to_list(), before.to_list()) == ([[8, 3, 7, 3]], [[]])


@pytest.mark.parametrize(("longest_line", "targets"), [(10, 64), (300, 64), (400, 49), (448, 1)])
def test_whole_stretches_fit_into_a_batch(longest_line, targets):
    stretches = Stretches.whole(context_tokens=64, longest_line=longest_line, positions=512)
    assert stretches == Stretches(64, targets)
    assert 64 + targets - 1 + longest_line <= 512


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two files, each with two documents of 40 lines of 1 to 7 words."""
    draw = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("documents")
    for name in ("a.gz", "b.gz"):
        documents = [[draw.integers(4, 50, draw.integers(1, 8)).tolist() for _ in range(40)] for _ in range(2)]
        write_records(folder / name, examples(*in_context(documents, 8)))
    return list_files([str(folder / "*")], "train")


def examples(ids, contexts):
    return [ids_example(line, context) for line, context in zip(ids, contexts, strict=True)]


def targets_of(batches):
    return sorted(target for batch in batches for target in batch.targets.numpy()[batch.mask.numpy() == 1].tolist())


@pytest.mark.slow
def test_training_reads_whole_stretches_and_validation_lines(files):
    lines = count_corpus(files, 50, "train")
    stretches = Stretches.whole(lines.longest_context, len(lines.line_lengths) - 1, 200)
    assert stretches == Stretches(8, 8)
    rows = count_corpus(files, 50, "train", stretches)
    assert (lines.sentences, lines.rows, lines.longest_context) == (160, 160, 8)
    assert rows.sentences == 160 and rows.rows < 120
    assert rows.tokens == lines.tokens < rows.positions < 2 * rows.tokens < lines.positions
    assert rows.text == lines.text
    buckets = choose_buckets(rows.lengths, 200)
    first, second, _ = epochs(files, RowLayout(rows, buckets, stretches))
    assert sum(batch.mask.shape[0] for batch in first) == rows.rows
    single = list(input_pipeline.evaluation_batches(files, choose_buckets(lines.lengths, 200)))
    assert targets_of(first) == targets_of(second) == targets_of(single)
    assert sum(batch.mask.shape[0] for batch in single) == 160


def epochs(files, layout):
    """The batches of two epochs, which differ, and those of the first after its third, of a training that goes on."""
    both = list(input_pipeline.training_batches(files, layout, 1, 0, 0, 2))
    each = layout.buckets.batches
    assert len(both) == 2 * each
    first, second = both[:each], both[each:]
    assert [batch.inputs.numpy().tolist() for batch in first] != [batch.inputs.numpy().tolist() for batch in second]
    resumed = list(input_pipeline.training_batches(files, layout, 1, 0, 3, 1))
    for of_resumed, of_first in zip(resumed, first[3:], strict=True):
        for mine, other in zip(of_resumed, of_first, strict=True):
            np.testing.assert_array_equal(mine, other)
    return first, second, resumed


@pytest.mark.slow
@pytest.mark.parametrize(("targets", "windows"), [(60, Windows(4, 16, 48)), (300, Windows(12, 5, 20, aligned=True))])
def test_training_reads_windows_one_after_the_other(files, targets, windows):
    stretches = Stretches(8, targets)
    rows = count_corpus(files, 50, "train", stretches)
    first, second, _ = epochs(files, RowLayout(rows, windows.buckets(rows.lengths), stretches, windows))
    single = input_pipeline.evaluation_batches(files, choose_buckets(count_corpus(files, 50, "train").lengths, 200))
    assert targets_of(first) == targets_of(second) == targets_of(single)
    left = 0
    for batch in first:
        assert batch.mask.shape[0] == windows.rows
        assert batch.begins.numpy()[:, 0].all() or left
        assert not left or int(batch.left) == left - 1
        left = int(batch.left)
    assert left == 0
    assert all(batch.inputs.shape[1] == windows.window for batch in first[:-1])


class Killed(Exception):
    """Ends a training."""


@pytest.mark.slow
def test_a_killed_training_goes_on_where_rows_begin(files, tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks, "BACKUP_EVERY", 0.0)
    monkeypatch.setattr(windows_module, "WINDOW", 4)
    # So that an epoch has other rows several times.
    for module in (windows_module, row_layout):
        monkeypatch.setattr(module, "ROW_WINDOWS", 6)
    options = TrainerOptions(
        units=8, embedding_units=8, batch_tokens=64, epochs=2, early_stopping_patience=2, dropout=0.1, seed=2**31 - 1
    )

    def trained(folder, backup):
        model = train(options, files, files, 50, Backup(str(backup), {}), str(folder))
        return json.loads((folder / "training.json").read_text()), model.get_weights()

    through, expected = trained(tmp_path / "through", tmp_path / "backup")
    saved = []

    def kill(self, *_):
        saved.append(self.state.batches_done)
        original(self)
        if self.state.epochs_done == 1 and self.state.batches_done > 4:
            raise Killed

    original = callbacks.SaveBackup._save
    with monkeypatch.context() as patch:
        patch.setattr(callbacks.SaveBackup, "_save", kill)
        with pytest.raises(Killed):
            trained(tmp_path / "killed", tmp_path / "backup of the killed")
    # Not after each batch, since most are followed by others of the same rows.
    assert 3 < len(saved) < through["train"]["batches"]
    found, weights = trained(tmp_path / "resumed", tmp_path / "backup of the killed")
    assert (found["resumed_after_epoch"], found["resumed_after_batch"]) == (1, saved[-1])
    for mine, other in zip(found["epochs"], through["epochs"], strict=True):
        assert mine["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-5)
        assert (mine["tokens"], mine["skipped_steps"]) == (other["tokens"], 0)
    for mine, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
