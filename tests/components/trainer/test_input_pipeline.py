"""From transformed examples to padded batches: everything once, little padding, the same order again."""

import dataclasses
import random

import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import ids_example, write_records
from tfx_lm.components.trainer import input_pipeline
from tfx_lm.components.trainer.buckets import choose_buckets
from tfx_lm.components.trainer.corpus_counts import count_corpus, digest_of
from tfx_lm.components.trainer.row_layout import RowLayout
from tfx_lm.components.trainer.transformed_examples import list_files

BATCH_TOKENS = 60


@pytest.fixture(scope="module")
def rows():
    draw = random.Random(5)
    return [[draw.randrange(4, 50) for _ in range(draw.randrange(0, 20))] + [3] for _ in range(300)]


@pytest.fixture(scope="module")
def files(rows, write_examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    write_examples(folder / "a.gz", rows[:170])
    write_examples(folder / "b.gz", rows[170:])
    return list_files([str(folder / "*")], "train")


@pytest.fixture(scope="module")
def buckets(rows):
    return choose_buckets(np.bincount([len(row) for row in rows]), BATCH_TOKENS)


@pytest.fixture(scope="module")
def layout(files, buckets):
    return RowLayout(count_corpus(files, 50, "train"), buckets)


def targets_of(batch):
    return [row[mask > 0].tolist() for row, mask in zip(batch.targets.numpy(), batch.mask.numpy(), strict=True)]


def all_targets(batches):
    return [row for batch in batches for row in targets_of(batch)]


def test_counts(rows, files):
    counts = count_corpus(files, 50, "train")
    assert digest_of(counts) == digest_of(count_corpus(files, 50, "train")) != digest_of(counts, counts)
    one_word = dataclasses.replace(counts, targets=counts.targets + np.eye(50, dtype=np.int64)[7])
    assert digest_of(one_word) != digest_of(counts)
    assert counts.sentences == 300
    assert counts.tokens == sum(map(len, rows))
    np.testing.assert_array_equal(counts.lengths, np.bincount([len(row) for row in rows]))
    np.testing.assert_array_equal(counts.line_lengths, counts.lengths)
    np.testing.assert_array_equal(counts.targets, np.bincount(np.concatenate(rows), minlength=50))


def test_every_sentence_once_in_each_epoch_in_the_promised_number_of_batches(rows, files, layout):
    buckets = layout.buckets
    batches = list(input_pipeline.training_batches(files, layout, seed=1, first_epoch=0, first_batch=0, epochs=2))
    assert len(batches) == 2 * buckets.batches
    first, second = all_targets(batches[: buckets.batches]), all_targets(batches[buckets.batches :])
    assert sorted(first) == sorted(second) == sorted(rows)
    assert first != second
    for batch in batches:
        assert batch.mask.shape[0] == 1 or tf.size(batch.mask) <= BATCH_TOKENS
        assert np.all(batch.mask.numpy().sum(axis=1) >= 1)
        assert np.all(batch.inputs.numpy()[:, 0] == 2)


@pytest.mark.slow
def test_the_order_depends_on_seed_and_epoch_alone(files, layout):
    def order(seed, first_epoch, epochs, first_batch=0):
        return all_targets(input_pipeline.training_batches(files, layout, seed, first_epoch, first_batch, epochs))

    both = order(1, 0, 2)
    assert order(1, 0, 2) == both
    assert order(1, 1, 2) == both[300:]
    assert order(2, 0, 1) != both[:300]
    rest = order(1, 0, 2, first_batch=3)
    assert 0 < len(rest) < len(both)
    assert rest == both[-len(rest) :]


@pytest.mark.slow
def test_evaluation_reads_everything_once_in_one_order(rows, files, buckets):
    first = all_targets(input_pipeline.evaluation_batches(files, buckets))
    assert sorted(first) == sorted(rows)
    assert first == all_targets(input_pipeline.evaluation_batches(files, buckets))


def test_a_line_that_was_cut_has_no_end_among_the_words(write_examples, tmp_path):
    """Cut to three targets: the first line lost its third word and `</s>`, which is 3; 1 is the unknown word."""
    write_examples(tmp_path / "cut.gz", [[1, 1, 5], [1, 7, 3]])
    text = count_corpus([str(tmp_path / "cut.gz")], 8, "train").text
    assert (text.unknown, text.looked_up, text.unknown_share) == (3, 5, 0.6)


def test_batches_are_mostly_real_tokens(files, layout):
    batches = list(input_pipeline.training_batches(files, layout, 1, 0, 0, 1))
    real = sum(float(tf.reduce_sum(batch.mask)) for batch in batches)
    assert real / sum(int(tf.size(batch.mask)) for batch in batches) > 0.95


def test_uncompressed_files_are_read_too(tmp_path):
    write_records(tmp_path / "plain", [ids_example([7, 3])], compression="")
    assert count_corpus([str(tmp_path / "plain")], 8, "train").tokens == 2


def test_no_files(tmp_path):
    with pytest.raises(ValueError, match=r"eval: no files match .*nothing.*; does the corpus have this split\?"):
        list_files([str(tmp_path / "nothing*")], "eval")


def test_what_a_killed_beam_step_left_is_not_read(tmp_path):
    (tmp_path / "beam-temp-data-1b9e").mkdir()
    (tmp_path / "data-0.gz").touch()
    assert list_files([f"{tmp_path}/*"], "train") == [f"{tmp_path}/data-0.gz"]


def test_no_sentences(write_examples, tmp_path):
    write_examples(tmp_path / "empty.gz", [])
    with pytest.raises(ValueError, match="eval: the files hold no sentences"):
        count_corpus([str(tmp_path / "empty.gz")], 8, "eval")


def test_ids_of_another_vocabulary(write_examples, tmp_path):
    write_examples(tmp_path / "other.gz", [[4, 9, 3]])
    with pytest.raises(ValueError, match="train: id 9 is outside the vocabulary of 8"):
        count_corpus([str(tmp_path / "other.gz")], 8, "train")
