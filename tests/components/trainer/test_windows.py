"""Windows of stretches: their division, and the state that goes on from one to the next."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.components.trainer.carried_states import CarriedStates
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.components.trainer.windows import windows_of
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.padding import PaddedBatch, pad_batch

ROWS = tf.ragged.constant([[7, 9, 3, 4, 3, 5, 6, 7, 8, 3], [5, 4, 8, 7, 3, 6, 5, 3, 3]], tf.int64)
CONTEXT = tf.ragged.constant([[], [2]], tf.int64, ragged_rank=1)


def as_lists(window):
    return [part.numpy().tolist() for part in window]


def test_the_worked_example():
    batch = pad_batch(tf.ragged.constant([[7, 8, 9, 5, 6, 3]], tf.int64), context=tf.ragged.constant([[2]], tf.int64))
    assert batch.inputs.numpy().tolist() == [[2, 2, 7, 8, 9, 5, 6]]
    assert batch.targets.numpy().tolist() == [[0, 7, 8, 9, 5, 6, 3]]
    assert [as_lists(window) for window in windows_of(batch, first=3, window=2)] == [
        [[[2, 2, 7]], [[0, 7, 8]], [[0, 1, 1]], True, 2],
        [[[8, 9]], [[9, 5]], [[1, 1]], False, 1],
        [[[5, 6]], [[6, 3]], [[1, 1]], False, 0],
    ]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(rows=st.integers(0, 3), time=st.integers(0, 20), first=st.integers(1, 8), window=st.integers(1, 8))
def test_windows_together_are_the_batch(rows, time, first, window):
    numbers = tf.reshape(tf.range(rows * time), [rows, time])
    batch = PaddedBatch(numbers, numbers + 1, tf.cast(numbers, tf.float32))
    windows = list(windows_of(batch, first, window))
    for number, part in enumerate(batch):
        np.testing.assert_array_equal(tf.concat([each[number] for each in windows], axis=1), part)
    assert [bool(each.begins) for each in windows] == [True] + [False] * (len(windows) - 1)
    assert [int(each.left) for each in windows] == list(reversed(range(len(windows))))
    assert all(each.inputs.shape[1] > 0 for each in windows[1:])


def model_of(learning_rate=1e-30, **options):
    """A model whose weights do not change in a step, unless it has another learning rate."""
    keras.utils.set_random_seed(5)
    options = {"layers": 2, "units": 6, "embedding_units": 6, "dropout": 0.0, "optimizer": "sgd", **options}
    return build_model(TrainerOptions(learning_rate=learning_rate, batch_tokens=16, **options), 10, 9, shares=2)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"residual": True}, {"output": "adaptive", "adaptive_cutoffs": (6,)}])
def test_windows_have_the_loss_of_their_stretches(options):
    batch, model = pad_batch(ROWS, context=CONTEXT), model_of(**options)
    whole = model.test_step(batch)
    model.perplexity.reset_state()
    # More rows than there are: a stretch's last batch of a length has fewer.
    model.carry_states(5)
    for _ in range(2):
        model.perplexity.reset_state()
        for window in windows_of(batch, 4, 3):
            logs = model.train_step(window)
        assert float(logs["tokens"]) == float(whole["tokens"]) == 19.0
        assert float(logs["loss"]) == pytest.approx(float(whole["loss"]), rel=1e-5)


@pytest.mark.slow
def test_a_gradient_reaches_its_window_alone():
    batch, model = pad_batch(ROWS, context=CONTEXT), model_of(learning_rate=1.0)
    model.carry_states(2)
    first, second, *_ = windows_of(batch, 4, 3)
    model.train_step(first)
    states = model.carried.read(tf.constant(2), tf.constant(False))
    before = [variable.numpy() for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        hidden, _ = model.hidden_of_more(model.embedding(second.inputs), states)
        mean = model.softmax.loss_sums(hidden, second.targets, second.mask).mean
    gradients = tape.gradient(mean, [variable.value for variable in model.trainable_variables])
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    norm = float(tf.linalg.global_norm(gradients))
    model.train_step(second)
    for variable, old, gradient in zip(model.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(old - variable.numpy(), gradient / max(1.0, norm), rtol=1e-3, atol=1e-6)


def test_states_are_kept_for_the_next_window_and_zero_before_a_stretch():
    carried = CarriedStates(3, (1, 2, 2))
    states = tf.reshape(tf.range(8.0), [2, 1, 2, 2])
    carried.keep(states, tf.constant(4))
    assert carried.within_stretches
    np.testing.assert_array_equal(carried.read(tf.constant(2), tf.constant(False)), states)
    np.testing.assert_array_equal(carried.read(tf.constant(3), tf.constant(True)), tf.zeros([3, 1, 2, 2]))
    carried.keep(tf.constant([[[[np.nan, 1.0], [np.inf, 2.0]]]]), tf.constant(0))
    assert not carried.within_stretches
    np.testing.assert_array_equal(carried.read(tf.constant(1), tf.constant(False)), [[[[0.0, 1.0], [0.0, 2.0]]]])
