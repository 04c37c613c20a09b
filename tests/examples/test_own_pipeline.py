"""The example pipeline, as a user runs it; it is read by tests/components/test_stock_components.py, too."""

import json

import pytest
from helpers.own_run import EXAMPLE
from tfx_lm.examples.own_pipeline import own_pipeline
from tfx_lm.exported import load


def test_it_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 60


def test_no_line_is_longer_than_a_batch(tmp_path):
    nodes = {node.id: node for node in own_pipeline(str(tmp_path), str(tmp_path)).components}
    options = {name: json.loads(nodes[name].exec_properties["custom_config"]) for name in ("Transform", "Trainer")}
    batch_tokens = options["Trainer"]["trainer"]["batch_tokens"]
    assert options["Transform"]["auto_limit"] == options["Trainer"]["transform"]["auto_limit"] == batch_tokens


@pytest.mark.slow
def test_it_pushes_a_model(own_run):
    model = load(own_run / "serving")
    assert set(model.loaded.signatures) >= {"evaluate", "score", "next_word"}
