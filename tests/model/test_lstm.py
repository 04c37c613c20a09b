"""The processor's LSTM layers: the outputs of Keras's layer, and its gradients."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.model.lstm import ProcessorLSTM, ServingLSTM, lstm, lstm_after, outputs_without_gradients


def layer_and_inputs(batch, time, features, units, seed=1, dtype="float32"):
    """Returns Keras's layer, ours with the same weights, and inputs for both."""
    keras.utils.set_random_seed(seed)
    layers = [kind(units, return_sequences=True, dtype=dtype) for kind in (keras.layers.LSTM, ProcessorLSTM)]
    for layer in layers:
        layer.build((None, None, features))
        layer.set_weights(layers[0].get_weights())
        layer.cell.bias.assign(np.random.default_rng(seed).normal(size=4 * units))
    inputs = tf.random.stateless_normal([batch, time, features], [seed, 2], dtype=layers[0].compute_dtype)
    return *layers, inputs


def with_gradients(layer, inputs, variables=None):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
        # Each output weighs differently, so that no error cancels out.
        weights = tf.random.stateless_normal(tf.shape(outputs), [5, 6], dtype=outputs.dtype)
        total = tf.reduce_sum(outputs * weights)
    weights = [weight.value for weight in (layer.trainable_variables if variables is None else variables)]
    return [outputs, *tape.gradient(total, [inputs, *weights])]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(batch=st.integers(1, 5), time=st.integers(1, 7), features=st.integers(1, 5), units=st.integers(1, 6))
def test_outputs_and_gradients_are_those_of_keras(batch, time, features, units):
    keras_layer, ours, inputs = layer_and_inputs(batch, time, features, units, dtype="float64")
    for mine, theirs in zip(with_gradients(ours, inputs), with_gradients(keras_layer, inputs), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_in_a_graph_of_any_shape():
    keras_layer, ours, inputs = layer_and_inputs(3, 9, 4, 5)
    compiled = tf.function(
        lambda inputs: with_gradients(ours, inputs), input_signature=[tf.TensorSpec([None, None, 4])]
    )
    for mine, theirs in zip(compiled(inputs), with_gradients(keras_layer, inputs), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_no_sentences_have_no_gradient():
    _, ours, inputs = layer_and_inputs(0, 3, 4, 5)
    outputs, by_inputs, *by_weights = with_gradients(ours, inputs)
    assert outputs.shape == (0, 3, 5)
    assert by_inputs.shape == (0, 3, 4)
    for gradient in by_weights:
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


def test_half_precision_keeps_its_weights_gradients_in_float32():
    keras_layer, ours, inputs = layer_and_inputs(4, 6, 8, 8, dtype="mixed_bfloat16")
    mine, theirs = with_gradients(ours, inputs), with_gradients(keras_layer, inputs)
    assert [value.dtype for value in mine] == [tf.bfloat16, tf.bfloat16, tf.float32, tf.float32, tf.float32]
    for ours, other in zip(mine, theirs, strict=True):
        scale = float(tf.reduce_max(tf.abs(tf.cast(other, tf.float32))))
        np.testing.assert_allclose(tf.cast(ours, tf.float32), tf.cast(other, tf.float32), atol=0.03 * scale)


@pytest.mark.parametrize("time", [1, 4])
def test_the_states_follow_from_the_formula(time):
    _, ours, inputs = layer_and_inputs(1, time, 2, 3)
    kernel, recurrent, bias = (weight.numpy() for weight in ours.weights)
    output = cell = np.zeros(3)
    for step in inputs[0].numpy():
        enter, forget, candidate, leave = np.split(step @ kernel + output @ recurrent + bias, 4)
        cell = cell / (1 + np.exp(-forget)) + np.tanh(candidate) / (1 + np.exp(-enter))
        output = np.tanh(cell) / (1 + np.exp(-leave))
    np.testing.assert_allclose(ours(inputs)[0, -1], output, rtol=1e-5)


@pytest.mark.parametrize(("batch", "time"), [(3, 9), (1, 1), (0, 4)])
def test_the_layer_for_serving_has_the_same_outputs_in_a_graph_of_any_shape(batch, time):
    _, ours, inputs = layer_and_inputs(batch, time, 4, 5)
    serving = ServingLSTM(5, return_sequences=True)
    serving.build((None, None, 4))
    serving.set_weights(ours.get_weights())
    compiled = tf.function(serving, input_signature=[tf.TensorSpec([None, None, 4])])
    np.testing.assert_allclose(compiled(inputs), ours(inputs), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(serving(inputs), ours(inputs))


@pytest.mark.parametrize(("batch", "begin"), [(3, 1), (3, 5), (0, 2)])
def test_two_runs_are_one(batch, begin):
    _, ours, inputs = layer_and_inputs(batch, 6, 4, 5)
    begins = tf.zeros([batch, 6], tf.bool)
    first, state = ours.after(inputs[:, :begin], tf.zeros([batch, 2, 5]), begins[:, :begin])
    second, last = ours.after(inputs[:, begin:], state, begins[:, begin:])
    np.testing.assert_allclose(tf.concat([first, second], axis=1), ours(inputs), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(last[:, 0], second[:, -1])


def test_a_state_of_known_rows_in_a_graph_of_any_shape():
    _, ours, inputs = layer_and_inputs(1, 6, 4, 5)
    state, begins = tf.ones([1, 2, 5]), tf.zeros([1, 6], tf.bool)
    compiled = tf.function(
        lambda inputs, begins: ours.after(inputs, state, begins),
        input_signature=[tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None], tf.bool)],
    )
    for mine, other in zip(compiled(inputs, begins), ours.after(inputs, state, begins), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_half_precision_begins_within_a_row():
    _, ours, inputs = layer_and_inputs(2, 6, 4, 5, dtype="mixed_bfloat16")
    begins = tf.constant([[False] * 6, [False] * 2 + [True] + [False] * 3])
    outputs, state = ours.after(inputs, tf.ones([2, 2, 5]), begins)
    alone, _ = ours.after(inputs[1:, 2:], tf.zeros([1, 2, 5]), begins[:1, :4])
    assert (outputs.dtype, state.dtype) == (tf.bfloat16, tf.float32)
    np.testing.assert_allclose(tf.cast(outputs[1:, 2:], tf.float32), tf.cast(alone, tf.float32), atol=0.01)


def test_half_precision_loses_no_small_changes_of_a_cell():
    # Nothing is forgotten, and each of 1,000 steps adds 0.002, which bfloat16 could no longer add to 0.5.
    bias = tf.constant([np.log(0.002 / 0.998), 20.0, 20.0, 20.0], tf.float32)
    inputs = tf.zeros([1000, 1, 1], tf.bfloat16)
    weights = tf.zeros([1, 4]), tf.zeros([1, 4]), bias
    _, state = lstm_after(tf.zeros([2, 1, 1]), tf.ones([1000, 1, 1]), inputs, *weights)
    np.testing.assert_allclose(state[1], [[2.0]], rtol=1e-4)
    for outputs in (lstm(inputs, *weights), outputs_without_gradients(inputs, *weights)):
        assert outputs.dtype == tf.bfloat16
        np.testing.assert_allclose(tf.cast(outputs[-1], tf.float32), [[np.tanh(2.0)]], rtol=0.004)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(begins=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=3))
def test_a_row_of_several_sequences_is_those_one_by_one(begins):
    _, ours, inputs = layer_and_inputs(len(begins), 6, 4, 5, dtype="float64")
    state = tf.random.stateless_normal([len(begins), 2, 5], [7, 8], dtype=tf.float64)

    def one_by_one(inputs):
        rows = []
        for row, begins_of_row in enumerate(begins):
            cuts = sorted({0, 6, *np.flatnonzero(begins_of_row)})
            parts = []
            for begin, end in itertools.pairwise(cuts):
                before = tf.zeros_like(state[:1]) if begins_of_row[begin] else state[row : row + 1]
                part = inputs[row : row + 1, begin:end]
                parts.append(ours.after(part, before, tf.zeros([1, end - begin], tf.bool))[0])
            rows.append(tf.concat(parts, axis=1))
        return tf.concat(rows, axis=0)

    mine = with_gradients(
        lambda inputs: ours.after(inputs, state, tf.constant(begins))[0], inputs, ours.trainable_variables
    )
    theirs = with_gradients(one_by_one, inputs, ours.trainable_variables)
    for own, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_no_gradient_goes_back_into_the_earlier_run(dtype):
    keras_layer, ours, inputs = layer_and_inputs(3, 6, 4, 5, dtype=dtype)
    _, state = ours.after(inputs[:, :2], tf.zeros([3, 2, 5], inputs.dtype), tf.zeros([3, 2], tf.bool))
    rest, begins = inputs[:, 2:], tf.zeros([3, 4], tf.bool)
    mine = with_gradients(lambda part: ours.after(part, state, begins)[0], rest, ours.trainable_variables)
    start = [state[:, 0], state[:, 1]]
    theirs = with_gradients(lambda part: keras_layer(part, start), rest, keras_layer.trainable_variables)
    tolerance = 1e-9 if dtype == "float64" else 0.03
    for own, other in zip(mine, theirs, strict=True):
        own, other = tf.cast(own, tf.float64), tf.cast(other, tf.float64)
        np.testing.assert_allclose(own, other, atol=tolerance * float(tf.reduce_max(tf.abs(other))))
    with tf.GradientTape() as tape:
        tape.watch([state, rest])
        total = tf.reduce_sum(ours.after(rest, state, begins)[0])
    by_state, by_rest = tape.gradient(total, [state, rest])
    assert by_state is None
    assert np.abs(tf.cast(by_rest, tf.float32)).max() > 0
