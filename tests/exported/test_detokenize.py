import pytest
from tfx_lm.exported.detokenize import readable_text, tokenizer_kind


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["<0x61>", "<0x2C>", "<0x62>", "</s>"], "byte"),
        (["a", ",", "b", "</s>"], "word"),
        (["a,b", "</s>"], "whitespace"),
    ],
)
def test_the_kind_shows_in_how_a_text_is_read(words, kind):
    assert tokenizer_kind(words) == kind


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("the cat", [",", "he", "said"], "the cat, he said"),
        ("", ["the", "cat", "."], "the cat."),
        ("so ", ["it", "is"], "so it is"),
        ("a", ["(", "small", ")", "well", "-", "known", "cat"], "a (small) well-known cat"),
        ("he said", ['"', "no", '"', ",", "and", '"', "yes", '"', "."], 'he said "no", and "yes".'),
        ("“", ["no", "”", "for", "$", "5"], "“no” for $5"),
        ("日", ["本", "語", "。"], "日本語。"),
        ("日本", ["cat"], "日本 cat"),
        ("彼は", ["「", "はい", "」", "、", "と", "〜"], "彼は「はい」、と〜"),
        ("你好", ["，", "世", "界", "！"], "你好，世界！"),
        ("", ["ＨＥＬＬＯ", "ＷＯＲＬＤ", "１", "！"], "ＨＥＬＬＯ ＷＯＲＬＤ １！"),
        ("２０２４", ["年", "の", "ＮＨＫ", "は"], "２０２４年のＮＨＫは"),
        ("ｱ", ["ｲ", "ﾞ", "ｰ", "･", "｡"], "ｱｲﾞｰ･｡"),
        ("한국", ["말", "이다"], "한국 말 이다"),
        ("ﾡ", ["ﾢ"], "ﾡ ﾢ"),
        ("\U00031350", ["\U0002ebf0", "⼀"], "\U00031350\U0002ebf0⼀"),
    ],
)
def test_words_are_joined_as_people_write_them(text, words, expected):
    assert readable_text(text, words, "word") == expected


def test_white_space_tokens_stay_apart():
    assert readable_text("the cat", [",", "'s", "("], "whitespace") == "the cat , 's ("


def test_bytes_are_read_as_utf8():
    assert readable_text("h", ["<0xC3>", "<0xA9>", "<0x21>", "<0xFF>"], "byte") == "hé!�"


def test_a_word_that_is_no_byte():
    with pytest.raises(ValueError, match="'cat': not a token of a byte model"):
        readable_text("", ["cat"], "byte")
