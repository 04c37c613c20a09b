"""Pinned vocabularies of text in another normalization."""

import pytest
from tfx_lm.errors import SettingError
from tfx_lm.transform.normalized_words import check_normalized, normalized_warning
from tfx_lm.transform.vocabulary import RESERVED

TWO, ONE = "cafe\u0301".encode(), "caf\u00e9".encode()


def test_the_worked_example():
    with pytest.raises(SettingError) as refused:
        check_normalized("words.txt", [b"the", TWO], "nfc")
    assert str(refused.value) == (
        "vocabulary file words.txt: 1 of its words are not in NFC, such as 'cafe\u0301' (5 characters), and never "
        "occur with normalization=nfc; set normalization to none, or vocabulary_file to the vocabulary of a text with "
        "that normalization"
    )
    check_normalized("words.txt", [TWO, ONE, "na\u00efve".encode()], "nfc")


@pytest.mark.parametrize("words", [[b"the"], [ONE], [b"\xff", ONE]])
def test_words_that_may_occur(words):
    check_normalized("words.txt", words, "nfc")
    check_normalized("words.txt", [*words, TWO], "none")


@pytest.mark.parametrize(
    ("lowercase", "lost"),
    [(True, "2 of the 6 words"), (False, "3 of the 6 words")],
)
def test_a_few_words_that_never_occur_are_a_warning(lowercase, lost):
    words = [*(token.encode() for token in RESERVED), b"the", ONE, "na\u00efve".encode(), TWO, "e\u0301".encode()]
    words.append("j\u030c".encode())  # Of J with U+030C, which is in NFC.
    check_normalized("words.txt", [*words, "\u00e9".encode()], "nfc")
    warning = normalized_warning(words, "nfc", lowercase)
    begin, _, end = str(warning).partition(", such as ")
    assert begin == f"{lost} in vocabulary_file can never occur"
    assert end.startswith("'cafe\u0301', 'e\u0301'")
    assert end.endswith(
        ": normalization=nfc makes other words of them; write them in NFC in the file, or set normalization to none"
    )
    assert normalized_warning(words, "none", lowercase) is None
    assert normalized_warning([b"\xff", *words[:7]], "nfc", lowercase) is None
