"""The public names of `tfx_lm.exported`."""

import pytest
from tfx_lm import exported


@pytest.mark.slow
def test_scores_and_comparisons(bigram_model, uniform_model):
    models = [exported.load(path) for path in (bigram_model, uniform_model)]
    (line,) = exported.score(models[0], [b"the cat"])
    assert line.sums.tokens == 3
    assert exported.compare(*models, [b"the cat"]).total.baseline.totals.perplexity == pytest.approx(16)
    assert exported.complete(models[0], "the", 1, temperature=0) == "the cat"
