"""Normalization of text as it is read."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.text_files.normalization import normalized, normalized_bytes
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


def test_a_line_and_its_context_are_normalized(tmp_path):
    (tmp_path / "x.txt").write_text(f"{TWO}\n{TWO}\n")
    options = RecordOptions(documents="file", context_tokens=9, normalization="nfc")
    assert [text[1:] for text in read_texts(str(tmp_path / "x.txt"), options)] == [
        (ONE.encode(), b""),
        (ONE.encode(), ONE.encode()),
    ]
