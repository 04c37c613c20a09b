"""Models that the Evaluator has loaded once."""

import pytest
import tensorflow as tf
from tfx_lm.components.evaluator import loaded_models


def test_a_model_is_at_hand_only_for_the_time_of_the_block(monkeypatch):
    monkeypatch.setattr(tf.saved_model, "load", lambda path: f"loaded {path}")
    with loaded_models.at_hand({"/a": "checked"}):
        assert loaded_models.load("/a") == "checked"
        assert loaded_models.load("/b") == "loaded /b"
    assert loaded_models.load("/a") == "loaded /a"
    with loaded_models.at_hand({"/a": "first"}), loaded_models.at_hand({"/b": "checked"}):
        with loaded_models.at_hand({"/a": "second", "/c": "checked"}):
            assert loaded_models.load("/a") == "second"
        assert loaded_models.load("/b") == "checked"
        assert loaded_models.load("/c") == "loaded /c"
    with pytest.raises(KeyError, match="text"), loaded_models.at_hand({"/a": "checked"}):
        raise KeyError("text")
    assert loaded_models.load("/a") == "loaded /a"
