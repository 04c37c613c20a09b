import pytest
from tfx_lm.components.evaluator.signatures import check_signature, signature_names


def test_the_signatures_of_a_model(uniform_model):
    assert signature_names(uniform_model) == ["evaluate", "next_word", "score"]
    check_signature(uniform_model, "evaluate")


def test_a_baseline_without_the_signature(uniform_model):
    with pytest.raises(
        ValueError,
        match=r"baseline .*: has no signature `step` \(there are: evaluate, next_word, score\); start without",
    ):
        check_signature(uniform_model, "step", "baseline")


def test_a_baseline_that_is_gone(tmp_path):
    with pytest.raises(ValueError, match=r"baseline .*: no SavedModel here .*remove its blessing"):
        check_signature(str(tmp_path), "evaluate", "baseline")
