"""Normalization of text as it is read."""

import sys
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.text_files.normalization import _MANY_MARKS, normalized, normalized_bytes
from tfx_lm.text_files.options import RecordOptions
from tfx_lm.text_files.texts import read_texts

TWO, ONE = "cafe\u0301 ole", "caf\u00e9 ole"


def test_two_characters_become_one():
    assert normalized(TWO, "nfc") == ONE
    assert normalized(TWO, "none") == TWO
    assert normalized_bytes(TWO.encode(), "nfc") == ONE.encode()
    assert normalized_bytes(TWO.encode(), "none") == TWO.encode()
    assert normalized_bytes(b"\xff e\xcc\x81 \xcc", "nfc") == b"\xff \xc3\xa9 \xcc"


@settings(max_examples=50)
@given(st.binary(max_size=12) | st.text(max_size=6).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_normalized_once_and_for_all(text):
    once = normalized_bytes(text, "nfc")
    assert normalized_bytes(once, "nfc") == once
    # What the server counts with before it has the text.
    assert len(once) <= 3 * len(text)


MARKS = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.combining(chr(code))]
MANY = st.text(
    st.sampled_from([*MARKS, "\u0f73", "\u0f75", "\u0f81", "\u2603", "a", "\u1100", "\u1161"]), min_size=40, max_size=90
)


@settings(max_examples=100)
@given(MANY, MANY)
def test_many_marks_are_normalized_as_python_does(one, other):
    text = one + "x" * 200 + other
    assert normalized(text, "nfc") == unicodedata.normalize("NFC", text)


def test_each_mark_is_among_those_that_are_put_in_order():
    """With 300 times two marks behind a letter, in the wrong order."""
    for mark in MARKS:
        text = "a" + f"{mark}\u0323" * 300
        assert normalized(text, "nfc") == unicodedata.normalize("NFC", text)
        assert _MANY_MARKS.fullmatch(mark * 32)


def test_many_marks_take_no_time_that_grows_with_the_square_of_their_number():
    """It took minutes, in which the server answered nobody."""
    count = 200_000
    text = "a" + "\u0301" * count + "\u0323" * count
    assert normalized(text, "nfc") == "\u1ea1" + "\u0323" * (count - 1) + "\u0301" * count


def test_a_line_and_its_context_are_normalized(tmp_path):
    (tmp_path / "x.txt").write_text(f"{TWO}\n{TWO}\n")
    options = RecordOptions(documents="file", context_tokens=9, normalization="nfc")
    assert [text[1:] for text in read_texts(str(tmp_path / "x.txt"), options)] == [
        (ONE.encode(), b""),
        (ONE.encode(), ONE.encode()),
    ]
