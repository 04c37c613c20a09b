"""The benchmark of scoring: what it takes for equal, and the arrays that the peer gets; without PyTorch."""

import sys

import click
import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def scoring(benchmark_module):
    return benchmark_module("scoring")


def test_equal_answers(scoring):
    scoring.check_equal(
        {"a": [{"tokens": 5, "perplexities": [10.0]}], "b": [{"tokens": 5, "perplexities": [10.0, 10.0005]}] * 2}
    )


@pytest.mark.parametrize(
    "other", [{"tokens": 6, "perplexities": [10.0]}, {"tokens": 5, "perplexities": [10.0, 10.002]}]
)
def test_unequal_answers(scoring, other):
    with pytest.raises(click.ClickException, match="the peers did not score alike"):
        scoring.check_equal({"a": [{"tokens": 5, "perplexities": [10.0]}], "b": [other]})


@pytest.mark.slow
def test_our_peer_and_the_weights_for_the_other(scoring, benchmark_module, text, tmp_path):
    lines = text.read_text().splitlines()
    model = benchmark_module("shared.model").build_model(lines, tmp_path, scoring.TEXT_OPTIONS)
    scoring.write_weights(model, tmp_path / "weights.npz")
    arrays = np.load(tmp_path / "weights.npz")
    layers = [f"lstm_{layer}_{name}" for layer in (0, 1) for name in ("kernel", "recurrent_kernel", "bias")]
    assert sorted(arrays) == sorted(["embedding", "output_bias", *layers])
    loaded = tf.saved_model.load(str(model))
    expected = loaded.signatures["score"](text=tf.constant(lines))
    worker = benchmark_module("shared.worker").Worker
    with worker("score", "scoring_workers.ours", model, text, python=sys.executable) as ours:
        answer, compared = ours.ask(work="score"), ours.ask(work="compare")
    tokens = float(np.sum(expected["tokens"]))
    assert answer["tokens"] == tokens == sum(len(line.split()) + 1 for line in lines)
    (perplexity,) = answer["perplexities"]
    assert perplexity == pytest.approx(np.exp(np.sum(expected["nll"], dtype=np.float64) / tokens), rel=1e-5)
    assert compared["tokens"] == tokens
    assert compared["perplexities"] == pytest.approx([perplexity] * 2, rel=1e-9)
