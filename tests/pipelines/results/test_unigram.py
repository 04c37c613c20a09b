import numpy as np
import pytest
from tfx_lm.pipelines.results.unigram import perplexity_of_counts


def test_the_docstrings_example():
    train = np.array([0, 0, 0, 1, 2])
    evaluation = np.array([0, 0, 0, 1, 1])
    assert perplexity_of_counts(train, evaluation) == pytest.approx((3 / 8 * 2 / 8) ** -0.5)
    assert perplexity_of_counts(train, evaluation) == pytest.approx(3.27, abs=0.005)


def test_a_word_never_seen_in_training_has_a_probability():
    assert perplexity_of_counts(np.array([0, 9]), np.array([1, 0])) == pytest.approx(11.0)
