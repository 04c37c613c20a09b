"""Words from pieces of words, and texts that are continued in pieces."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tfx_lm.exported import completion
from tfx_lm.exported.piece_table import PieceTable
from tfx_lm.exported.word_boundaries import boundaries
from tfx_lm.exported.words_of_pieces import begins_word, spelled, text_of_pieces, word_lengths
from tfx_lm.transform.tokenizer import tokenize_marked

# Assigned in the Unicode of this Python, and in that of TensorFlow, which may be newer (Python 3.10) or older (3.13).
# Three rare Han marks are letters or marks for the one, and Han characters for the other.
KNOWN = st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\U00016fe3\U00016ff0\U00016ff1")
KNOWN_TO_TENSORFLOW = r"(?s)[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Z}\p{C}]*"


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
        # `"well-known (quote)" 日本`, as the tokenizer `word` splits it.
        ('▁" we ll - kn own ▁( qu ote ) " ▁日 本 </s>', [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1]),
        ("▁‘ tis ▁cat s ’ s ▁cat s ’ -", [1, 1, 4, 2, 1, 1]),
        # In bytes: a dash before a word, a heart with its variation selector, and a character that was cut.
        ("▁a <0xE2> <0x80> <0x94> b", [1, 3, 1]),
        ("▁ <0xE2> <0x9D> <0xA4> <0xEF> <0xB8> <0x8F>", [7]),
        ("▁( <0xC3> </s>", [1, 1, 1]),
        # From a Unicode that is newer than that of Python 3.10.
        ("▁a 🫠 b \U00031350 c \u0870 \u0871", [1, 1, 1, 1, 3]),
        ("", []),
    ],
)
def test_pieces_are_grouped_to_words(row, lengths):
    assert word_lengths(pieces(row)) == lengths


@given(
    text=st.text(KNOWN, max_size=30)
    | st.text(st.sampled_from("▁ the's“’-(❤\ufe0f👩\u200d漢かー\u0301<unk>"), max_size=30)
)
@settings(max_examples=150)
def test_the_words_are_those_of_the_tokenizer(text):
    raw = text.encode("utf-8", "replace")
    assume(tf.strings.regex_full_match(raw, KNOWN_TO_TENSORFLOW))
    words = [word.decode() for word in tokenize_marked(tf.constant([raw]), "word", True).flat_values.numpy()]
    # Each word as its characters, and as its bytes.
    for split in (list, lambda rest: [f"<0x{byte:02X}>" for byte in rest.replace("\x02", "▁").encode()]):
        split_words = [
            [part for part in ("▁"[: word[0] == "▁"], *split(word.removeprefix("▁"))) if part] for word in words
        ]
        row = [
            piece.replace("\x02", "<0xE2> <0x96> <0x81>") for pieces_of_word in split_words for piece in pieces_of_word
        ]
        lengths = [sum(3 if piece == "\x02" else 1 for piece in word) for word in split_words]
        assert word_lengths(pieces(" ".join(row))) == lengths


@pytest.mark.parametrize(
    ("piece", "word", "begins"),
    [
        ("s", "cat", False),
        ("s", "", True),
        ("▁s", "cat", True),
        ("</s>", "cat", True),
        (",", "cat", True),
        ("<x", "cat", True),
        ("漢", "cat", True),
        # Behind what is a word alone.
        ("no", " (", True),
        ("no", "-", True),
        ("字", "漢", True),
        ("\u0301", "-", False),
        # An apostrophe within a word, or before one.
        ("'", "don", False),
        ("t", "don'", False),
        ("'", "don'", True),
        ("tis", " '", True),
        ("quote", "'", True),
        ("s", "“", True),
        # Behind a mark alone, and within a character.
        ("(", " ", False),
        ("▁s", " ", False),
        ("<0xB1>", "\udcc3", False),
        ("<0xC3>", "cat", False),
        ("<0xC3>", "(", True),
        ("<0x2E>", "cat", True),
    ],
)
def test_a_piece_begins_a_word(piece, word, begins):
    word = word.encode("utf-8", "surrogateescape")
    assert begins_word(piece.encode(), word) == begins
    assert PieceTable([*pieces("<pad> <unk> <s> </s> ▁a"), piece.encode()]).begins([word])[0, -1] == begins


def test_a_long_word_takes_no_more_time_for_each_of_its_letters():
    """With a time that grows with the square of the letters, this would take minutes."""
    letters = 100_000
    pieces = ["\u2581a".encode(), *[b"a"] * letters, b"-", b"a"]
    assert word_lengths(pieces) == [letters + 1, 1, 1]
    word = spelled(pieces[:-2])
    assert not begins_word(b"a", word)
    assert begins_word(b"-", word)
    assert begins_word(b"a", word + b"-")
    assert boundaries(" " * letters + "a") == {0}
    # The last bytes begin within a character, or end in one.
    assert begins_word(b"-", "\u00e9".encode() * 1001 + b"a")
    assert not begins_word(b"-", word + b"\xc3")


def test_the_words_of_lines_are_counted():
    vocabulary = pieces("<pad> <unk> <s> </s> <0x61> ▁ ▁the s , ( ' ▁cat")
    table = PieceTable(vocabulary)
    # the s, a (two pieces), and a comma: six pieces of four words, and two ends of lines.
    rows = ["▁the s , </s>", "▁ <0x61> s </s>", "", "▁ ( the", "▁cat ' s ( ' s"]
    lines = [[vocabulary.index(piece) for piece in pieces(row) if piece in vocabulary] for row in rows]
    lengths = [len(line) for line in lines]
    ids, of_lines = np.concatenate(lines).astype(int), np.repeat(np.arange(len(lines)), lengths)
    assert table.count_words(ids, of_lines) == 2 + 1 + 0 + 1 + 3
    assert table.count_words(np.zeros(0, np.int64), np.zeros(0, np.int64)) == 0
    assert table.count_words(np.array([3, 3]), np.array([0, 1])) == 0


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
        # A hyphen is a word, and so is what follows it.
        ("the ", "▁cat - s ▁cat", 3, "the cat-s"),
    ],
)
def test_a_text_goes_on_with_whole_words(monkeypatch, text, row, length, expected):
    vocabulary = pieces("<pad> <unk> <s> </s> <0x61> ▁cat ▁ s , -")
    monkeypatch.setattr(completion, "reads_pieces", lambda path: True)
    monkeypatch.setattr(completion, "Continuation", lambda model, text, context: Fixed(vocabulary, pieces(row)))
    assert completion.complete(SimpleNamespace(path="model", context_tokens=0), text, length, temperature=0) == expected
