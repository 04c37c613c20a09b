"""Warnings about scores that may mislead."""

import pytest
from tfx_lm.exported.score_warnings import score_warnings, unknown_share
from tfx_lm.pipelines.setting_names import yaml_key


def scores(sentences=100, tokens=1000, oov_tokens=0):
    return {"sentences": float(sentences), "tokens": float(tokens), "oov_tokens": float(oov_tokens)}


def test_the_share_of_unknown_words():
    assert unknown_share(scores(oov_tokens=300)) == 0.3
    assert unknown_share(scores(tokens=0)) == 0.0


@pytest.mark.parametrize(
    ("values", "first_words"),
    [
        (scores(), []),
        (scores(oov_tokens=199), []),
        (scores(oov_tokens=300), ["30 % of the scored tokens are unknown words"]),
        (scores(sentences=99), ["only 99 sentences with 1,000 tokens were scored"]),
        (scores(tokens=999), ["only 100 sentences with 999 tokens were scored"]),
        (scores(50, 60, 40), ["66.7 % of the scored tokens", "only 50 sentences with 60 tokens"]),
    ],
)
def test_what_is_warned_about(values, first_words):
    warnings = list(map(str, score_warnings(values)))
    assert len(warnings) == len(first_words)
    assert all(warning.startswith(first) for warning, first in zip(warnings, first_words, strict=True))


def test_warnings_name_the_settings_that_help():
    unknown, few = (warning.with_names(yaml_key) for warning in score_warnings(scores(50, 60, 40)))
    keys = ("vocabulary.size", "vocabulary.min_count", "data.tokenizer", "data.lowercase", "vocabulary.file")
    assert all(key in unknown for key in keys)
    assert "data.eval_percent" in few
    assert "data.splits" in few
