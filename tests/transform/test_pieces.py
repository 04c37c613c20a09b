"""Pieces of words: worked examples, and that each text can be made again from its pieces."""

import re
from collections import Counter

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.errors import SettingError
from tfx_lm.exported.words_of_pieces import text_of_pieces
from tfx_lm.transform.piece_learning import learn_pieces
from tfx_lm.transform.pieces import FIXED_PIECES, MARK_ID, check_kind_of_pinned, holds_pieces, piece_ids
from tfx_lm.transform.reachable_words import unreachable_words
from tfx_lm.transform.tokenizer import tokenize_marked
from tfx_lm.transform.vocabulary import RESERVED

HEAD = [*(token.encode() for token in RESERVED), *FIXED_PIECES]
LEARNED = ["▁the", "▁cat", "s", "▁c", "at", "▁<", "น้ำ", "▁न", "क्ष", "👩\u200d", "سلام", "\u200d"]
VOCABULARY = [*HEAD, *(piece.encode() for piece in LEARNED)]


@pytest.fixture(scope="module")
def split():
    """Splits lines into pieces, with the vocabulary above."""
    values = tf.range(len(VOCABULARY), dtype=tf.int64)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(VOCABULARY, values), 1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def word(lines):
        return piece_ids(tokenize_marked(lines, "word", True), table.lookup)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def whitespace(lines):
        return piece_ids(tokenize_marked(lines, "whitespace", False), table.lookup)

    kinds = {"word": word, "whitespace": whitespace}

    def pieces(lines: list[bytes], kind: str) -> list[list[bytes]]:
        rows = kinds[kind](tf.constant(lines, tf.string)).to_list()
        assert all(piece >= 4 for row in rows for piece in row)
        return [[VOCABULARY[piece] for piece in row] for row in rows]

    return pieces


def shown(pieces: list[bytes]) -> list[str]:
    return [piece.decode() for piece in pieces]


def names(text: str) -> list[str]:
    return [f"<0x{byte:02X}>" for byte in text.encode()]


def test_marked_words_of_the_worked_example():
    line = tf.constant(["Don't stop, <pad>!", "", " \t "])
    by_kind = {kind: tokenize_marked(line, kind, True).to_list() for kind in ("word", "whitespace")}
    assert [word.decode() for word in by_kind["word"][0]] == ["▁don't", "▁stop", ",", "▁<pad>", "!"]
    assert [word.decode() for word in by_kind["whitespace"][0]] == ["▁don't", "▁stop,", "▁<pad>!"]
    assert by_kind["word"][1:] == by_kind["whitespace"][1:] == [[], []]


@pytest.mark.slow
def test_the_longest_piece_first_and_bytes_for_the_rest(split):
    found = split(["the cats ñ".encode(), b"", b"THE, catcat"], "word")
    assert list(map(shown, found)) == [
        ["▁the", "▁cat", "s", "▁", *names("ñ")],
        [],
        ["▁the", *names(","), "▁cat", *names("c"), "at"],
    ]


@pytest.mark.slow
def test_no_text_forges_a_mark_a_byte_or_a_control_token(split):
    text = "a▁the ▁the <pad> x<0x41>"
    assert shown(split([text.encode()], "whitespace")[0]) == [
        "▁", "<0x61>", *names("▁the"), "▁", *names("▁the"), "▁<", *names("pad>"), "▁", *names("x<0x41>"),
    ]  # fmt: skip
    for kind in ("word", "whitespace"):
        assert text_of_pieces(split([text.encode()], kind)[0]) == text.encode()


@pytest.mark.slow
def test_a_word_of_any_length(split):
    (row,) = split([b"cat" * 50_000], "word")
    assert row[:3] == [b"\xe2\x96\x81cat", b"<0x63>", b"at"]
    assert text_of_pieces(row) == b"cat" * 50_000


TEXTS = [
    "ที่นี่มีน้ำ และสวัสดีชาวโลก",
    "क्षत्रिय नमस्ते, दुनिया!",
    "👩\u200d👩\u200d👧\u200d👦 ❤\ufe0f🇩🇪 ok",
    "مرحبا، بالعالم \u202bسلام\u202c (שלום)",
    "漢字とカナ。gpuで学習 ラーメン",
    "x▁y ▁ ▁▁ ▁\u0301",
    "don't e-mail, <unk> </s> <0x41>!",
]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCRIPTS = st.text(st.sampled_from("กำ้สะनकि्षا سلامש👩\u200d👧\ufe0f▁ the cats<0x41>.,'’\u0301漢かー"), max_size=40)


def plain(text: str) -> str:
    """Returns the text with one space between words: what pieces keep, beside lower case."""
    # White space, control characters and U+FEFF, as the tokenizer `word` has them.
    return " ".join(part for part in re.split(r"[\s\x00-\x1f\x7f-\x9f\u180e\ufeff]+", text) if part)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["word", "whitespace"])
@pytest.mark.parametrize("text", TEXTS)
def test_every_script_comes_back(split, text, kind):
    assert text_of_pieces(split([text.encode()], kind)[0]).decode() == text


@pytest.mark.slow
@given(text=ANY_TEXT | SCRIPTS)
@settings(max_examples=150)
def test_any_text_comes_back_up_to_white_space_and_case(split, text):
    lower = tf.strings.unicode_transcode([text.encode()], "UTF-8", "UTF-8")
    words = tokenize_marked(lower, "word", True).flat_values.numpy()
    again = text_of_pieces(split([text.encode()], "word")[0]).decode()
    # The words say what lower case is.
    assert again == b"".join(words).decode().replace("▁", " ").replace("\x02", "▁").removeprefix(" ")
    if text == text.lower() and text.isascii():
        assert again == plain(text)


@pytest.mark.slow
@given(text=ANY_TEXT | SCRIPTS)
@settings(max_examples=150)
def test_any_text_comes_back_split_at_white_space(split, text):
    expected = b" ".join(text.encode().replace(b"\0", b" ").replace(b"\x02", b" ").split())
    assert text_of_pieces(split([text.encode()], "whitespace")[0]) == expected


@given(lines=st.lists(st.binary(max_size=20), max_size=4))
@settings(max_examples=50)
def test_lines_are_split_alone_as_together_and_bytes_never_fail(split, lines):
    for kind in ("word", "whitespace"):
        assert split(lines, kind) == [split([line], kind)[0] for line in lines]


def learned(text: str, size: int) -> list[str]:
    counts = Counter(tokenize_marked(tf.constant([text]), "word", True).flat_values.numpy().tolist())
    words = sorted(counts, reverse=True)
    return shown(learn_pieces(words, [counts[word] for word in words], size))


def test_frequent_words_become_pieces_the_most_frequent_first():
    pieces = learned("the cat sat on the mat, the cat slept. " * 20, 280)
    assert len(pieces) == 280
    assert pieces[:257] == shown(FIXED_PIECES)
    assert pieces[257:260] == ["▁the", "▁cat", ","]
    assert len(set(pieces)) == len(pieces)
    assert pieces == learned("the cat sat on the mat, the cat slept. " * 20, 280)


@pytest.mark.parametrize(
    ("text", "size", "number"), [("", 300, 257), ("the cat", 257, 257), ("a", 10_000, 259), ("漢字" * 2000, 300, 260)]
)
def test_fewer_pieces_than_asked_for(text, size, number):
    assert len(learned(text, size)) == number


@given(
    words=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1), unique=True, max_size=20),
    size=st.integers(257, 330),
)
@settings(max_examples=50)
def test_any_words_can_be_learned_from(words, size):
    pieces = learn_pieces([word.encode() for word in words], [3] * len(words), size)
    assert pieces[:257] == list(FIXED_PIECES)
    assert len(set(pieces)) == len(pieces) <= size
    assert not set(pieces) & {token.encode() for token in RESERVED}
    assert all(0 < len(piece.decode()) <= 16 and "▁" not in piece.decode()[1:] for piece in pieces[257:])


def test_a_pinned_vocabulary_of_the_other_kind_is_refused():
    check_kind_of_pinned("file.txt", VOCABULARY, "subwords")
    check_kind_of_pinned("file.txt", [*HEAD[:4], b"the"], "words")
    with pytest.raises(
        SettingError, match=r"^vocabulary file a.txt: holds pieces of words; set vocabulary_kind to sub"
    ):
        check_kind_of_pinned("a.txt", VOCABULARY, "words")
    with pytest.raises(SettingError, match=r"^vocabulary file a.txt: holds no pieces of words, .* lines 5 to 261; set"):
        check_kind_of_pinned("a.txt", [*HEAD[:4], b"the"], "subwords")
    assert holds_pieces(VOCABULARY)
    assert not holds_pieces(VOCABULARY[:MARK_ID])


def test_pieces_that_no_word_holds():
    lost = ["The", "▁a,", "a▁b"]
    words = [*VOCABULARY, *(piece.encode() for piece in ["'t", "▁,", *lost])]
    assert [word.decode() for word in unreachable_words(words, "word", True)] == lost
    assert unreachable_words(words, "whitespace", False) == []
