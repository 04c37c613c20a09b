"""The masked loss on literal arrays."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.exact_loss import numpy_nll
from tfx_lm.model import loss
from tfx_lm.transform.padding import pad_batch

# "the cat" with the = 7 and cat = 9, as in `transform.padding`.
THE_CAT = tf.ragged.constant([[7, 9, 3]], tf.int64)


def test_two_padded_steps_of_five_leave_exactly_the_sum_of_the_real_ones():
    batch = pad_batch(THE_CAT, 5)
    logits = np.random.default_rng(0).normal(size=(1, 5, 12)).astype(np.float32)
    each = numpy_nll(logits, batch.targets)
    sums = loss.reference(tf.constant(logits), batch.targets, batch.mask)
    assert float(sums.tokens) == 3.0
    np.testing.assert_allclose(sums.nll, each[0, :3].sum(), rtol=1e-6)
    np.testing.assert_allclose(sums.mean, each[0, :3].mean(), rtol=1e-6)


def test_without_padding_it_is_the_plain_sum():
    targets = tf.constant([[7, 9, 4, 5, 3]], tf.int64)
    logits = np.random.default_rng(1).normal(size=(1, 5, 12)).astype(np.float32)
    plain = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
    sums = loss.reference(tf.constant(logits), targets, tf.ones([1, 5]))
    assert float(sums.tokens) == 5.0
    np.testing.assert_allclose(sums.nll, tf.reduce_sum(plain), rtol=1e-7)


def test_known_probabilities():
    # Probabilities 1/2, 1/4, 1/8, 1/8 at each of three steps, of which the last is padding.
    logits = tf.math.log(tf.constant([[[0.5, 0.25, 0.125, 0.125]] * 3]))
    sums = loss.reference(logits, tf.constant([[1, 2, 0]]), tf.constant([[1.0, 1.0, 0.0]]))
    np.testing.assert_allclose(sums.nll, np.log(4) + np.log(8), rtol=1e-6)


@pytest.mark.parametrize("junk", [np.inf, -np.inf, np.nan])
def test_what_stands_at_padding_reaches_neither_loss_nor_gradients(junk):
    batch = pad_batch(THE_CAT, 5)
    clean = np.random.default_rng(3).normal(size=(1, 5, 12)).astype(np.float32)
    dirty = clean.copy()
    dirty[:, 3:] = junk
    results = []
    for values in (clean, dirty):
        logits = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            sums = loss.reference(logits, batch.targets, batch.mask)
        results.append((sums.nll.numpy(), tf.convert_to_tensor(tape.gradient(sums.nll, logits)).numpy()))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert not results[1][1][:, 3:].any()


def test_a_nan_at_a_real_token_surfaces():
    batch = pad_batch(THE_CAT, 5)
    logits = np.zeros((1, 5, 12), np.float32)
    logits[0, 1, 4] = np.nan
    assert np.isnan(loss.reference(tf.constant(logits), batch.targets, batch.mask).nll)


def test_merging_unequal_batches_is_the_sum_over_all_tokens():
    small = loss.LossSums(tf.constant(6.0), tf.constant(1.0))
    large = loss.LossSums(tf.constant(2.0), tf.constant(3.0))
    assert float(small.merge(large).mean) == 2.0  # and not (6 + 2/3) / 2
    assert [float(x) for x in small.merge(large)] == [float(x) for x in large.merge(small)]
    assert [float(x) for x in loss.LossSums.empty().merge(small)] == [6.0, 1.0]


def test_no_tokens_have_no_mean():
    nothing = loss.reference(tf.zeros([2, 3, 4]), tf.zeros([2, 3], tf.int64), tf.zeros([2, 3]))
    assert [float(x) for x in nothing] == [0.0, 0.0]
    assert np.isnan(nothing.mean)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_still_sum_in_float32(dtype):
    rng = np.random.default_rng(4)
    logits = tf.cast(rng.normal(size=(8, 50, 300)), dtype)
    targets, mask = tf.constant(rng.integers(0, 300, (8, 50))), tf.ones([8, 50])
    sums = loss.reference(logits, targets, mask)
    assert sums.nll.dtype == sums.tokens.dtype == tf.float32
    np.testing.assert_allclose(sums.nll, numpy_nll(tf.cast(logits, tf.float64), targets).sum(), rtol=1e-6)


@pytest.mark.parametrize(
    ("logits", "targets", "mask", "named"),
    [
        ([2, 5], [2, 5], [2, 5], "logits has shape"),
        ([2, 5, 3], [2, 4], [2, 5], "targets has shape"),
        ([2, 5, 3], [2, 5], [2, 5, 1], "mask has shape"),
        ([2, 5, 3], [10], [2, 5], "targets has shape"),
    ],
)
def test_shapes_that_do_not_fit_are_errors(logits, targets, mask, named):
    arguments = tf.zeros(logits), tf.zeros(targets, tf.int64), tf.zeros(mask)
    with pytest.raises(ValueError, match=named):
        loss.reference(*arguments)
