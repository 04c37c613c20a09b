"""Batches of the validation are larger than those of the training."""

import pytest
import tensorflow as tf
from tfx_lm.components.trainer import fit


@pytest.mark.parametrize(("batch_tokens", "positions"), [(1, 4), (768, 3072), (1024, 4096), (3000, 4096), (5000, 5000)])
def test_up_to_a_bound_they_are_four_times_as_large(batch_tokens, positions):
    assert fit.validation_positions(batch_tokens, tf.distribute.get_strategy()) == positions


def test_where_each_shape_is_compiled_they_are_as_large(monkeypatch):
    monkeypatch.setattr(fit, "compiles", lambda strategy: True)
    assert fit.validation_positions(768, tf.distribute.get_strategy()) == 768
