"""What a line holds and what the model was spared, against counting by hand."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.transform.accounting import line_sums
from tfx_lm.transform.tokenizer import tokenize

KNOWN = {b"the": 7, b"a": 8, b"<0x61>": 9}


def sums(lines: list[bytes], kind: str, max_length: int) -> dict[str, list[float]]:
    """The sums of lines with the ids that the transform would give them."""
    text = tf.constant(lines, tf.string)
    tokens = tokenize(text, kind, lowercase=False)
    rows = [([KNOWN.get(word, 1) for word in row] + [3])[:max_length] for row in tokens.to_list()]
    ids = tf.RaggedTensor.from_row_lengths(
        tf.constant([number for row in rows for number in row], tf.int64), [len(row) for row in rows]
    )
    found = line_sums(text, tokens, ids, kind)
    assert all(part.dtype == tf.float32 and part.shape == (len(lines),) for part in found)
    return {name: part.numpy().tolist() for name, part in found._asdict().items()}


def test_the_worked_example():
    assert sums([b"the cat sat"], "word", 2) == {
        "bytes": [12],
        "tokens": [2],
        "oov_tokens": [1],
        "truncated_tokens": [2],
        "spelled_bytes": [9],
    }


@pytest.mark.parametrize(
    ("line", "kind", "max_length", "expected"),
    [
        (b"", "word", 2, (1, 1, 0, 0, 0)),
        (b" \t ", "word", 2, (4, 1, 0, 0, 0)),
        (b"the a", "word", 9, (6, 3, 0, 0, 0)),
        # Everything fits, and then the line break alone is cut.
        (b"the a", "word", 3, (6, 3, 0, 0, 0)),
        (b"the a", "word", 2, (6, 2, 0, 1, 1)),
        # An unknown word that is cut is charged once.
        (b"the a cat", "word", 2, (10, 2, 0, 2, 5)),
        ("caf\u00e9".encode(), "word", 9, (6, 2, 1, 0, 6)),
        (b"the <unk> a", "whitespace", 9, (12, 4, 1, 0, 6)),
        # By bytes the charge is the bytes themselves, never the names they are written with.
        (b"abba", "byte", 9, (5, 5, 2, 0, 2)),
        (b"aaaa", "byte", 2, (5, 2, 0, 3, 3)),
    ],
)
def test_by_hand(line, kind, max_length, expected):
    found = sums([line], kind, max_length)
    assert tuple(value for (value,) in found.values()) == expected


def test_rows_do_not_mix():
    lines = [b"", b"the cat sat", b"", b"a", b"cat"]
    alone = [sums([line], "word", 2) for line in lines]
    assert sums(lines, "word", 2) == {name: [row[name][0] for row in alone] for name in alone[0]}


def test_an_empty_batch():
    assert sums([], "word", 2)["spelled_bytes"] == []


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    line=st.lists(st.sampled_from([b"the", b"a", b"cat", b"zebra"]), max_size=6).map(b" ".join),
    kind=st.sampled_from(["whitespace", "byte"]),
    max_length=st.integers(2, 8),
)
def test_nothing_is_spared_for_free(line, kind, max_length):
    found = {name: value for name, (value,) in sums([line], kind, max_length).items()}
    total = len(line.split()) + 1 if kind == "whitespace" else len(line) + 1
    assert found["tokens"] + found["truncated_tokens"] == total
    # Each target is either predicted or charged at least a byte, and a charge never exceeds the words' bytes.
    assert found["spelled_bytes"] >= found["oov_tokens"] + found["truncated_tokens"]
    assert found["spelled_bytes"] <= found["bytes"] + (kind == "whitespace")
    shorter = {name: value for name, (value,) in sums([line], kind, max(2, max_length - 1)).items()}
    assert shorter["spelled_bytes"] >= found["spelled_bytes"]


def test_ids_of_other_lines_are_an_error():
    tokens = tf.ragged.constant([["the"]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="more ids than words"):
        line_sums(tf.constant(["the"]), tokens, tf.ragged.constant([[7, 8, 3]], dtype=tf.int64), "word")


def test_in_a_graph_with_row_splits_of_two_types():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def graph(text):
        tokens = tokenize(text, "word", False)
        ids = tf.ragged.constant([[7, 1, 3]], dtype=tf.int64, row_splits_dtype=tf.int32)
        return line_sums(text, tokens, ids, "word")

    np.testing.assert_array_equal(graph(tf.constant(["the cat"])).spelled_bytes, [4])
