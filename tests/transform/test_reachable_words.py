"""Words of a pinned vocabulary that no text can become."""

import pytest
from tfx_lm.errors import SettingError
from tfx_lm.transform.pieces import FIXED_PIECES
from tfx_lm.transform.reachable_words import capitals_warning, check_reachable, reachable_warning, unreachable_words
from tfx_lm.transform.vocabulary import RESERVED

HEAD = [token.encode() for token in RESERVED]


@pytest.mark.parametrize(
    ("words", "kind", "lowercase", "lost"),
    [
        ([b"the", b"The", b"can't", b"e-mail"], "word", True, [b"The", b"e-mail"]),
        ([b"the", b"The", b"can't", b"e-mail"], "word", False, [b"e-mail"]),
        ([b"the", b"The", b"can't", b"e-mail"], "whitespace", True, [b"The"]),
        ([b"new york", b"\xe2\x80\x83"], "whitespace", False, [b"new york"]),
        ([b"<0x41>", b"<0x61>", b"a"], "byte", False, [b"a"]),
        ([b"<0x41>", b"<0x61>", b"a"], "byte", True, [b"<0x41>", b"a"]),
        ([], "word", True, []),
    ],
)
def test_words_that_never_occur(words, kind, lowercase, lost):
    assert unreachable_words([*HEAD, *words], kind, lowercase) == lost


def test_more_words_than_are_tokenized_together():
    words = [f"w{number}".encode() for number in range(10_001)]
    assert unreachable_words([*HEAD, *words, b"X"], "word", True) == [b"X"]


def test_the_warning_names_the_words_and_the_settings():
    warning = reachable_warning([*HEAD, b"the", b"Cat", b"DOG"], "word", True)
    assert str(warning) == (
        "2 of the 3 words in vocabulary_file can never occur, such as 'Cat', 'DOG': tokenizer=word with lowercase=true "
        "makes other words of them; change the file or these settings"
    )
    assert reachable_warning([*HEAD, b"the"], "word", True) is None


def test_a_vocabulary_of_which_most_can_never_occur_is_refused():
    check_reachable([*HEAD, b"the", b"Cat"], "word", True)
    check_reachable(HEAD, "word", True)
    with pytest.raises(SettingError, match="2 of the 3 words in vocabulary_file can never occur"):
        check_reachable([*HEAD, b"the", b"Cat", b"DOG"], "word", True)


def test_a_vocabulary_of_lower_cased_text_for_text_with_capitals():
    pieces = [*HEAD, *FIXED_PIECES, "▁the".encode(), b"s"]
    assert str(capitals_warning(pieces, "word", False)) == (
        "no word in vocabulary_file has a capital letter, so that with lowercase=false all words of the text that have "
        "one are read in bytes, several pieces for each letter; set lowercase to true, or vocabulary_file to "
        "one with capitals"
    )
    assert "are read as unknown words" in str(capitals_warning([*HEAD, b"the"], "word", False))


@pytest.mark.parametrize(
    ("words", "kind", "lowercase"),
    [
        ([b"the", b"The"], "word", False),
        ([b"the"], "word", True),
        (["猫".encode(), b"7"], "word", False),
        ([*FIXED_PIECES, b"S"], "word", False),
        ([b"<0x61>"], "byte", False),
        ([], "word", False),
    ],
)
def test_no_warning_about_capitals(words, kind, lowercase):
    assert capitals_warning([*HEAD, *words], kind, lowercase) is None
