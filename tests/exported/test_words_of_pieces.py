"""Words from pieces of words, and texts that are continued in pieces."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from tfx_lm.exported import completion
from tfx_lm.exported.words_of_pieces import begins_word, pieces_per_word, spelled, text_of_pieces, word_lengths


def pieces(text: str) -> list[bytes]:
    return [piece.encode() for piece in text.split()]


def test_pieces_spell_a_text():
    row = pieces("▁the ▁cat s , ▁ <0xC3> <0xB1>")
    assert spelled(row).decode() == " the cats, ñ"
    assert text_of_pieces(row).decode() == "the cats, ñ"
    assert text_of_pieces([]) == b""


@pytest.mark.parametrize(
    ("row", "lengths"),
    [
        ("▁the ▁cat s , </s>", [1, 2, 1, 1]),
        ("▁don ' t ▁ <0xC3> <0xB1> ! </s>", [3, 3, 1, 1]),
        ("<0x61> s", [2]),
        # A word is never the mark alone.
        ("▁ 漢 字", [2, 1]),
        ("▁the ▁ ( ▁the", [1, 2, 1]),
        ("▁ </s>", [1, 1]),
        ("", []),
    ],
)
def test_pieces_are_grouped_to_words(row, lengths):
    assert word_lengths(pieces(row)) == lengths


def test_a_text_without_words_has_no_pieces_per_word():
    vocabulary = [b"<pad>", b"<unk>", b"<s>", b"</s>", "▁a".encode()]
    assert math.isnan(pieces_per_word(np.zeros(0, np.int64), vocabulary))
    assert math.isnan(pieces_per_word(np.array([0, 0, 0, 5, 0]), vocabulary))


def test_no_word_begins_with_a_byte():
    assert not begins_word(b"<0x2E>")
    assert begins_word(b"<x")


def test_pieces_per_word():
    vocabulary = pieces("<pad> <unk> <s> </s> <0x61> ▁ ▁the s ,")
    # the s, a (two pieces), and a comma: six pieces of four words, and two ends of lines.
    assert pieces_per_word(np.array([0, 0, 0, 2, 1, 1, 2, 1, 1]), vocabulary) == 1.5
    assert math.isnan(pieces_per_word(np.zeros(9), vocabulary))


class Fixed:
    """A continuation that proposes certain pieces, one after the other, as far as they are allowed."""

    path = "model"

    def __init__(self, vocabulary, row):
        self.words, self.row, self.read = vocabulary, row, []
        self.after_space = np.array([piece.startswith("▁".encode()) for piece in vocabulary])

    @property
    def log_probabilities(self):
        likely = self.row[len(self.read) % len(self.row)]
        return np.array([0.0 if piece == likely else -9.0 for piece in self.words])

    def append(self, token):
        self.read.append(self.words[token])
        return self.words[token]


@pytest.mark.parametrize(
    ("text", "row", "length", "expected"),
    [
        ("the ", "▁cat s ▁cat s ▁cat", 2, "the cats cats"),
        ("the cat", "s , ▁cat", 2, "the cats,"),
        # After white space a word begins.
        ("the ", "s", 1, "the cat" + "s" * 15),
        ("", "▁cat", 1, "cat"),
        ("the ", "▁ s ▁ ,", 2, "the s ,"),
        ("as it is ", "▁cat", 0, "as it is "),
    ],
)
def test_a_text_goes_on_with_whole_words(monkeypatch, text, row, length, expected):
    vocabulary = pieces("<pad> <unk> <s> </s> <0x61> ▁cat ▁ s ,")
    monkeypatch.setattr(completion, "reads_pieces", lambda path: True)
    monkeypatch.setattr(completion, "Continuation", lambda model, text, context: Fixed(vocabulary, pieces(row)))
    assert completion.complete(SimpleNamespace(path="model", context_tokens=0), text, length, temperature=0) == expected
