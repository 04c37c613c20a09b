from collections import Counter

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from helpers.examples import text_example, write_records
from hypothesis import given
from hypothesis import strategies as st
from tfx_lm.components import text_counts as counts
from tfx_lm.components.merge_additive import MergeAdditive
from tfx_lm.components.text_counts import TextCounts

WORDS = ["<pad>", "<unk>", "<s>", "</s>", "the", "cat"]
# The docstring's example: `the cat sat` and `cat`.
EXAMPLE = TextCounts(Counter({4: 1, 2: 1}), np.array([0, 1, 0, 0, 1, 2]))


def same(left, right):
    return (left.lengths, left.words.tolist(), left.words_of_pieces) == (
        right.lengths,
        right.words.tolist(),
        right.words_of_pieces,
    )


def test_the_docstrings_example():
    assert (EXAMPLE.sentences, EXAMPLE.targets, EXAMPLE.unknown) == (2, 6, 1)
    assert EXAMPLE.coverage().tolist() == [0.25, 0.75]
    assert EXAMPLE.cut(2) == (1, 2)
    assert EXAMPLE.cut(4) == (0, 0)


def test_nothing():
    empty = TextCounts()
    assert (empty.sentences, empty.targets, empty.unknown, empty.cut(2)) == (0, 0, 0, (0, 0))
    assert empty.coverage().tolist() == []
    assert np.isnan(TextCounts(Counter(), np.zeros(6, np.int64)).coverage()).tolist() == [True, True]


@given(st.lists(st.lists(st.integers(1, 9), max_size=5), max_size=5))
def test_adding_is_counting_all_at_once(parts):
    made = [TextCounts(Counter(part), np.bincount(part, minlength=10)) for part in parts]
    whole = [length for part in parts for length in part]
    total = MergeAdditive(TextCounts).merge_accumulators(iter(made))
    assert total.lengths == Counter(whole)
    assert total.words.tolist() == (np.bincount(whole, minlength=10).tolist() if parts else [])
    assert same(TextCounts.from_json(total.as_json()), total)


@pytest.fixture
def vocabulary_file(tmp_path):
    file = tmp_path / "vocabulary"
    file.write_text("\n".join(WORDS) + "\n")
    return str(file)


def write_examples(path, lines):
    return write_records(path, map(text_example, lines))


def run(tmp_path, files, vocabulary_file, tokenizer="whitespace"):
    outputs = {split: f"{tmp_path}/{split}.json" for split in files}
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        counts.count_texts(pipeline, files, counts.CountText(vocabulary_file, tokenizer, True), outputs)
    return {split: TextCounts.from_json((tmp_path / f"{split}.json").read_text()) for split in files}


@pytest.mark.slow
def test_beam_counts_files(tmp_path, vocabulary_file, monkeypatch):
    monkeypatch.setattr(counts, "BATCH_LINES", 3)
    first = write_examples(tmp_path / "1.gz", [b"The cat sat"] * 4)
    second = write_examples(tmp_path / "2.gz", [b"cat"] * 4 + [b""])
    empty = write_examples(tmp_path / "3.gz", [])
    found = run(tmp_path, {"train": [first, second], "eval": [empty], "none": []}, vocabulary_file)
    assert same(found["train"], TextCounts(Counter({4: 4, 2: 4, 1: 1}), np.array([0, 4, 0, 0, 4, 8])))
    assert found["eval"].sentences == found["none"].sentences == 0


@pytest.mark.slow
def test_beam_counts_the_words_of_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(counts, "BATCH_LINES", 1)
    pieces = [*WORDS[:4], *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁cat", "s", "-", "▁("]
    (tmp_path / "vocabulary").write_text("\n".join(pieces) + "\n")
    file = write_examples(tmp_path / "1.gz", [b"cats-s", b"(cats (s"])
    found = run(tmp_path, {"train": [file]}, str(tmp_path / "vocabulary"), "word")["train"]
    # cats, - and s of four pieces; (, cats (three bytes and a piece), ( and s of seven.
    assert (found.words.sum(), found.words_of_pieces) == (11, 7)
    assert found.pieces_per_word == 11 / 7
    assert np.isnan(TextCounts().pieces_per_word)


@pytest.mark.slow
def test_text_cannot_forge_a_control_token(tmp_path, vocabulary_file):
    file = write_examples(tmp_path / "1.gz", ["<pad> <s> </s> <unk> \xff".encode("latin-1")])
    found = run(tmp_path, {"train": [file]}, vocabulary_file)["train"]
    assert same(found, TextCounts(Counter({6: 1}), np.array([0, 5, 0, 0, 0, 0])))
