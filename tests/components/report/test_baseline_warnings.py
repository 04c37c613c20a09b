"""Warnings about a baseline with more context than the examples hold, or with another lower case."""

import json

import pytest
from tfx_lm.components.report.baseline_warnings import baseline_warnings
from tfx_lm.exported.token_identity import FILE


@pytest.fixture
def model(tmp_path):
    def write(context_tokens):
        folder = tmp_path / str(context_tokens)
        (folder / FILE).parent.mkdir(parents=True)
        (folder / FILE).write_text(json.dumps({"context_tokens": context_tokens} if context_tokens else {}))
        return str(folder)

    return write


def test_a_baseline_with_a_longer_context(model):
    none, short, long = model(0), model(8), model(64)
    (warning,) = baseline_warnings(short, long)
    assert str(warning) == (
        "the baseline was trained with a context of 64 tokens, and the examples hold one of 8 (context_tokens=8), so "
        "that it scores worse than it would; set context_tokens to 64, or compare the models with all the context that "
        "each reads"
    )
    assert "the examples hold none (context_tokens=0)" in str(baseline_warnings(none, short)[0])
    assert baseline_warnings(long, short) == baseline_warnings(long, long) == baseline_warnings(short, none) == []


@pytest.fixture
def cased(tmp_path):
    """The folders of a model that lower-cases, of one that does not, and of one that does not say."""
    for name, identity in {"lower": {"lowercase": True}, "cased": {"lowercase": False}, "old": {}}.items():
        (tmp_path / name / FILE).parent.mkdir(parents=True)
        (tmp_path / name / FILE).write_text(json.dumps(identity))
    return [str(tmp_path / name) for name in ("lower", "cased", "old")]


def test_models_that_differ_in_lower_case(cased):
    lower, keeps, old = cased
    (warning,) = baseline_warnings(lower, keeps)
    assert str(warning) == (
        "the model reads text with lowercase=true and the baseline with lowercase=false: only the baseline is charged "
        "for capitals, so that the model seems better than it is; compare models with the same lowercase"
    )
    (warning,) = baseline_warnings(keeps, lower)
    assert "only the model is charged for capitals, so that the baseline seems better than it is" in str(warning)
    for same in ((lower, lower), (keeps, keeps), (old, keeps), (lower, old)):
        assert baseline_warnings(*same) == []
