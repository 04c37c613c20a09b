import pytest
from tfx_lm.exported.signatures import check_signature, signature_names


def test_the_signatures_of_a_model(uniform_model):
    names = ["evaluate", "next_word", "score", "serving_default", "step", "tokenize"]
    assert signature_names(uniform_model) == names
    check_signature(uniform_model, "evaluate")


def test_a_baseline_without_the_signature(uniform_model):
    with pytest.raises(
        ValueError,
        match=r"baseline .*: has no signature `classify` \(there are: evaluate, next_word, .*\); start without",
    ):
        check_signature(uniform_model, "classify", "baseline")


def test_a_baseline_that_is_gone(tmp_path):
    with pytest.raises(ValueError, match=r"baseline .*: no SavedModel here .*remove its blessing"):
        check_signature(str(tmp_path), "evaluate", "baseline")
