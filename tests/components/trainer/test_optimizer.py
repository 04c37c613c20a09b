"""The optimizer: Keras's numbers in one operation, decay of all but biases, the course of the learning rate."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.components.trainer.optimizer import build_optimizer
from tfx_lm.model.options import TrainerOptions


def optimizer_for(steps=100, **options):
    return build_optimizer(TrainerOptions(**options), steps)


def after_steps(optimizer, steps=5):
    kernel = keras.Variable(np.linspace(-1, 1, 6).reshape(2, 3), dtype="float32", name="kernel")
    bias = keras.Variable([0.5, -0.5], dtype="float32", name="bias")
    optimizer.build([kernel, bias])
    for step in range(steps):
        gradients = [tf.sin(kernel.value * 3 + step), tf.cos(bias.value + step)]
        optimizer.apply(gradients, [kernel, bias])
    return kernel.numpy(), bias.numpy()


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adamw_is_that_of_keras(decay):
    theirs = keras.optimizers.AdamW(0.01, weight_decay=decay)
    theirs.exclude_from_weight_decay(var_names=["bias"])
    for mine, other in zip(
        after_steps(optimizer_for(learning_rate=0.01, weight_decay=decay)), after_steps(theirs), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_leaves_biases_alone(name):
    plain = after_steps(optimizer_for(optimizer=name), 1)
    decayed = after_steps(optimizer_for(optimizer=name, learning_rate=0.003, weight_decay=0.5), 1)
    start = np.linspace(-1, 1, 6).reshape(2, 3)
    np.testing.assert_allclose(decayed[0], plain[0] - 0.003 * 0.5 * start, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(decayed[1], plain[1])


def test_sgd_is_the_learning_rate_times_the_gradient():
    kernel = keras.Variable([1.0, 2.0], dtype="float32", name="kernel")
    optimizer = optimizer_for(optimizer="sgd", learning_rate=0.5)
    optimizer.build([kernel])
    optimizer.apply([tf.constant([2.0, -4.0])], [kernel])
    np.testing.assert_allclose(kernel.numpy(), [0.0, 4.0])


def test_a_cosine_rises_in_the_warm_up_and_ends_at_zero():
    rate = optimizer_for(steps=110, schedule="cosine", warmup_steps=10, learning_rate=0.2)._learning_rate
    np.testing.assert_allclose([float(rate(step)) for step in (0, 5, 10, 60, 110)], [0, 0.1, 0.2, 0.1, 0], atol=1e-6)


def test_a_cosine_without_a_warm_up_falls_from_the_start():
    rate = optimizer_for(steps=100, schedule="cosine", learning_rate=0.2)._learning_rate
    np.testing.assert_allclose([float(rate(step)) for step in (0, 50, 100)], [0.2, 0.1, 0], atol=1e-6)


def test_a_warm_up_as_long_as_the_training_is_an_error():
    with pytest.raises(ValueError, match=r"warmup_steps=20: must be less than the 20 steps .* set warmup"):
        optimizer_for(steps=20, schedule="cosine", warmup_steps=20)
