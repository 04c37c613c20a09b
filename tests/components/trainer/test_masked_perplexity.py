"""The Keras metric: sums, so that unequal batches weigh by their tokens."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.components.trainer.metric import MaskedPerplexity
from tfx_lm.model.loss import LossSums


def sums(nll, tokens):
    return LossSums(tf.constant(nll, tf.float32), tf.constant(tokens, tf.float32))


def test_unequal_batches_weigh_by_their_tokens():
    metric = MaskedPerplexity()
    metric.update_state(sums(6.0, 3.0))
    metric.update_state(sums(1.0, 1.0))
    result = metric.result()
    assert float(result["loss"]) == 1.75
    np.testing.assert_allclose(result["perplexity"], np.exp(1.75), rtol=1e-12)
    assert float(result["tokens"]) == 4.0
    metric.reset_state()
    assert np.isnan(metric.result()["perplexity"])


def test_a_blow_up_is_not_clipped():
    metric = MaskedPerplexity()
    metric.update_state(sums(400.0, 2.0))
    np.testing.assert_allclose(metric.result()["perplexity"], np.exp(200.0), rtol=1e-12)


def test_billions_of_tokens_lose_none():
    metric = MaskedPerplexity()
    metric.tokens.assign(2.0**40)
    metric.update_state(sums(3.0, 1.0))
    assert float(metric.result()["tokens"]) == 2.0**40 + 1


@settings(deadline=None, max_examples=25)
# TensorFlow flushes subnormal numbers to zero.
@given(
    st.lists(
        st.tuples(st.floats(0, 1e4, width=32, allow_subnormal=False), st.integers(1, 5000)), min_size=1, max_size=8
    ),
    st.data(),
)
def test_the_order_of_the_batches_does_not_matter(batches, data):
    results = []
    for order in (batches, data.draw(st.permutations(batches))):
        metric = MaskedPerplexity()
        for nll, tokens in order:
            metric.update_state(sums(nll, tokens))
        results.append(float(metric.result()["loss"]))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)
    np.testing.assert_allclose(results[0], sum(n for n, _ in batches) / sum(t for _, t in batches), rtol=1e-6)
