"""Text options: the only definition of their defaults and bounds."""

import pytest
from tfx_lm.errors import SettingError
from tfx_lm.transform.options import TextOptions


def refused(**options) -> str:
    with pytest.raises(SettingError) as error:
        TextOptions.parse(options)
    return str(error.value)


def test_what_is_left_out_takes_its_default():
    assert TextOptions.parse({"max_length": 64, "vocabulary": {"size": None}}).model_dump() == {
        "tokenizer": "word",
        "lowercase": True,
        "max_length": 64,
        "vocabulary": {"kind": "words", "size": None, "min_count": None, "file": None, "from_": None, "grow": 0},
        "auto_limit": None,
        "context_tokens": 0,
        "normalization": "none",
    }
    options = TextOptions(tokenizer="byte")
    assert TextOptions.parse(options) is options


@pytest.mark.parametrize("setting", [1, 0, -5, True, 2.5, "64", None])
def test_impossible_lengths(setting):
    assert refused(max_length=setting) == f"max_length={setting}: must be >= 2, or auto"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokenizer": "bpe"}, "tokenizer=bpe: must be one of 'whitespace', 'word' or 'byte'; set tokenizer"),
        ({"vocabulary": {"size": 0}}, "vocabulary_size=0: must be >= 1; set vocabulary_size"),
        ({"vocabulary": {"sise": 5}}, "vocabulary.sise: unknown key; did you mean vocabulary.size?"),
        ({"tokeniser": "word"}, "tokeniser: unknown key; did you mean tokenizer?"),
        ({"max_length": "{x}"}, "max_length={x}: must be >= 2, or auto"),
        ({"max_length": 2**31}, "max_length=2147483648: must be <= 2147483647, or auto"),
        ({"tokenizer": "a", "max_length": 1}, "tokenizer=a: must be one of 'whitespace', 'word' or 'byte'; "),
    ],
)
def test_an_error_names_the_option(options, message):
    assert message in refused(**options)


def test_every_error_is_named():
    assert refused(tokenizer="a", max_length=1).count("\n") == 1


def test_a_custom_config_may_hold_other_keys_but_must_hold_every_option():
    options = TextOptions(lowercase=False)
    assert TextOptions.from_custom_config({**options.model_dump(), "another": 1}) == options
    with pytest.raises(SettingError, match="custom_config has no 'tokenizer'"):
        TextOptions.from_custom_config(None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"from": "baseline", "file": "a.txt"}, "vocabulary_file and vocabulary_from are both set; keep one of them"),
        ({"grow": 3}, "grow=3: there is no vocabulary to grow; set vocabulary_from=baseline, or vocabulary_file"),
        (
            {"grow": 3, "from": "baseline", "kind": "subwords"},
            "grow=3: with vocabulary_kind=subwords no word is unknown; set grow to 0",
        ),
        ({"from": "served"}, "vocabulary_from=served: must be one of 'baseline'; set vocabulary_from"),
        ({"form": "baseline"}, "vocabulary.form: unknown key; did you mean vocabulary.from?"),
    ],
)
def test_vocabularies_that_exclude_each_other(given, expected):
    with pytest.raises(SettingError) as caught:
        TextOptions.parse({"vocabulary": given})
    assert str(caught.value) == expected


def test_the_vocabulary_of_the_baseline_survives_being_serialised():
    options = TextOptions.parse({"vocabulary": {"from": "baseline", "grow": 3}})
    assert TextOptions.parse(options.model_dump(mode="json")) == options
    assert TextOptions.parse(options.model_dump(mode="json", by_alias=True)) == options
