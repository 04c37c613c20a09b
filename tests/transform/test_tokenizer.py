"""Tokenisers: the docstring's example, text that real files hold, and bytes that nobody expects."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.transform.tokenizer import KINDS, tokenize


def words(text: str | bytes, kind: str, lowercase: bool = False) -> list[str]:
    line = text.encode() if isinstance(text, str) else text
    (row,) = tokenize(tf.constant([line]), kind, lowercase).to_list()
    return [word.decode(errors="surrogateescape") for word in row]


def names(data: bytes) -> list[str]:
    return [f"<0x{value:02X}>" for value in data]


def test_the_worked_example():
    text = "Don't stop, <pad>!"
    assert words(text, "whitespace", True) == ["don't", "stop,", "<pad>!"]
    assert words(text, "word", True) == ["don't", "stop", ",", "<unk>", "!"]
    assert words(text, "byte", True) == names(b"don't stop, <pad>!")


ODD = {
    "empty": ("", [], []),
    "white space only": (" \t \v\f ", [], []),
    "CRLF left over": ("the cat\r\n", ["the", "cat"], ["the", "cat"]),
    "line breaks within": ("the\ncat\rsat", ["the", "cat", "sat"], ["the", "cat", "sat"]),
    "BOM": ("\ufeffthe cat\ufeff", ["\ufeffthe", "cat\ufeff"], ["the", "cat"]),
    "NUL": ("the\0cat \0", ["the", "cat"], ["the", "cat"]),
    "Han and kana": ("漢字とカナ。ラーメン", ["漢字とカナ。ラーメン"], [*"漢字とカナ。ラーメン"]),
    "Han beside Latin": ("GPUで学習", ["GPUで学習"], ["GPU", "で", "学", "習"]),
    "Hangul has spaces": ("안녕 세계", ["안녕", "세계"], ["안녕", "세계"]),
    "emoji": ("hi😀😀!", ["hi😀😀!"], ["hi", "😀", "😀", "!"]),
    "emoji of several": ("👩\u200d👧 ❤\ufe0f", ["👩\u200d👧", "❤\ufe0f"], ["👩\u200d", "👧", "❤\ufe0f"]),
    "kana with a mark": ("か\u3099", ["か\u3099"], ["か\u3099"]),
    "accents": ("naïve cafe\u0301", ["naïve", "cafe\u0301"], ["naïve", "cafe\u0301"]),
    "apostrophes": (
        "'tis rock'n'roll, dogs' O’Neil",
        ["'tis", "rock'n'roll,", "dogs'", "O’Neil"],
        ["'", "tis", "rock'n'roll", ",", "dogs", "'", "O’Neil"],
    ),
    "numbers": ("3.14 a_b", ["3.14", "a_b"], ["3", ".", "14", "a", "_", "b"]),
    # Written without spaces, but not split: subwords do without.
    "Thai": ("แมวนั่ง บนเสื่อ", ["แมวนั่ง", "บนเสื่อ"], ["แมวนั่ง", "บนเสื่อ"]),
    "Unicode spaces": ("a\u00a0b\u3000c\u2028d", ["a\u00a0b\u3000c\u2028d"], ["a", "b", "c", "d"]),
    "control tokens": ("<pad> <s> </s> <unk>", ["<unk>"] * 4, ["<unk>"] * 4),
    "several kinds of space": ("a \u00a0 \t\u2003b", ["a", "\u00a0", "\u2003b"], ["a", "b"]),
    "control tokens nested": (
        "<<pad><s<pad>'s </s",
        ["<<pad><s<pad>'s", "</s"],
        ["<", "<unk>", "<", "s", "<unk>", "'", "s", "<", "/", "s"],
    ),
    "control tokens within": ("x<s>y", ["x<s>y"], ["x", "<unk>", "y"]),
    "invalid UTF-8": (b"ok \xff\xc3( x", ["ok", "\udcff\udcc3(", "x"], ["ok", "\ufffd", "\ufffd", "(", "x"]),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_text(case):
    text, by_space, by_word = ODD[case]
    data = text if isinstance(text, bytes) else text.encode()
    assert words(text, "whitespace") == by_space
    assert words(text, "word") == by_word
    assert words(text, "byte") == names(data)


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("kind", ["whitespace", "word"])
def test_lower_case_loses_no_word(case, kind):
    text = ODD[case][0]
    assert len(words(text, kind, True)) == len(words(text, kind))


@pytest.mark.parametrize("kind", ["whitespace", "word"])
def test_lower_case_is_unicode(kind):
    assert words("ÄRGER ΣΟΦΙΑ\0Next <UNK>", kind, True) == ["ärger", "σοφια", "next", "<unk>"]


def test_lower_case_of_bytes_leaves_other_bytes_alone():
    assert words("ÄB".encode(), "byte", True) == names("Äb".encode())


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_a_megabyte(kind):
    line = b"word, " * 175_000
    assert len(words(line, kind, True)) == {"whitespace": 175_000, "word": 350_000, "byte": len(line)}[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_rows_stay_with_their_lines_in_a_graph(kind):
    signature = [tf.TensorSpec([None], tf.string)]
    graph = tf.function(lambda text: tokenize(text, kind, True), input_signature=signature)
    assert graph(tf.constant(["", "a", "", "b c"])).row_lengths().numpy().tolist() == [
        0,
        1,
        0,
        3 if kind == "byte" else 2,
    ]
    assert graph(tf.constant([], tf.string)).nrows() == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=40) | st.text(max_size=40).map(str.encode), lowercase=st.booleans())
def test_any_bytes(kind, data, lowercase):
    (row,) = tokenize(tf.constant([data]), kind, lowercase).to_list()
    # Nothing here may break a vocabulary of one word a line, or pass for a control token.
    assert all(word and not set(word) & {0, ord("\n"), ord("\r")} for word in row)
    assert not {b"<pad>", b"<s>", b"</s>"} & set(row)
    if kind == "byte":
        assert len(row) == len(data)


def test_an_unknown_tokeniser_is_named():
    with pytest.raises(ValueError, match="tokenizer='wrod': must be one of whitespace, word, byte"):
        tokenize(tf.constant(["a"]), "wrod", False)


def test_a_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"text has shape \(1, 1\): must be \[batch\]"):
        tokenize(tf.constant([["a"]]), "word", False)
