"""The example pipeline, as a user runs it; it is read by tests/components/test_stock_components.py, too."""

import pytest
from helpers.own_run import EXAMPLE
from tfx_lm.exported import load


def test_it_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 60


@pytest.mark.slow
def test_it_pushes_a_model(own_run):
    model = load(own_run / "serving")
    assert set(model.loaded.signatures) >= {"evaluate", "score", "next_word"}
