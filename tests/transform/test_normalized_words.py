"""Pinned vocabularies of text in another normalization."""

import pytest
from tfx_lm.errors import SettingError
from tfx_lm.transform.normalized_words import check_normalized

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
