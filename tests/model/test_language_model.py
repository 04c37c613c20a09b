"""The language model: shapes, causality, what keeps cuDNN eligible, dropout."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.model.language_model import LanguageModel


def small_model(**options):
    keras.utils.set_random_seed(0)
    return LanguageModel(**{"vocabulary_size": 12, "embedding_units": 4, "units": 8, "layers": 2, **options})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        # embedding 12*4 + lstm 4*8*(4+8+1) + lstm 4*8*(8+8+1) + bias 12, then the output's own weights
        ({"tied_embedding": True}, 48 + 416 + 544 + 12 + 8 * 4),
        ({"tied_embedding": False}, 48 + 416 + 544 + 12 + 12 * 8),
        ({"tied_embedding": True, "embedding_units": 8}, 96 + 544 + 544 + 12),
        ({"tied_embedding": True, "layers": 1}, 48 + 416 + 12 + 8 * 4),
    ],
)
def test_shapes_and_parameters(options, parameters):
    model = small_model(**options)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == parameters
    inputs = tf.constant([[2, 7, 9, 0, 0], [2, 4, 5, 6, 7]])
    assert model(inputs).shape == (2, 5, 12)
    assert model(inputs).dtype == tf.float32
    hidden = model.hidden(inputs)
    assert hidden.shape == (2, 5, model.softmax.weights()[0].shape[1])
    np.testing.assert_allclose(model.softmax.log_probabilities(hidden), model(inputs), rtol=1e-5, atol=1e-6)


def test_tied_output_is_the_embedding():
    model = small_model(embedding_units=8)
    states = tf.random.normal([3, 8])
    kernel, bias = model.softmax.weights()
    np.testing.assert_array_equal(kernel, model.embedding.embeddings.numpy())
    logits = states.numpy() @ kernel.numpy().T + bias
    np.testing.assert_allclose(model.softmax.log_probabilities(states), tf.nn.log_softmax(logits), rtol=1e-5)


def test_padding_and_later_words_reach_no_earlier_state():
    model = small_model()
    short = model.hidden(tf.constant([[2, 7, 9]]))
    padded = model.hidden(tf.constant([[2, 7, 9, 0, 0]]))
    other = model.hidden(tf.constant([[2, 7, 9, 5, 11]]))
    np.testing.assert_allclose(padded[:, :3], short, rtol=1e-6)
    np.testing.assert_allclose(other[:, :3], short, rtol=1e-6)


def test_the_lstm_gets_no_mask_and_is_eligible_for_cudnn(monkeypatch):
    rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    monkeypatch.setattr(rnn, "_is_gpu_available", lambda: True)
    assert not rnn.cudnn_ok(keras.activations.relu, keras.activations.sigmoid, False, True)
    model = small_model(dropout=0.5)
    masks = []
    for layer in model.recurrent:
        # What Keras itself asks, on a machine with a GPU.
        assert rnn.cudnn_ok(layer.activation, layer.recurrent_activation, layer.unroll, layer.use_bias)
        assert not layer.go_backwards
        assert layer.recurrent_dropout == 0
        assert layer.use_cudnn == "auto"
        original = layer.inner_loop

        def spy(sequences, initial_state, mask, training=False, original=original):
            masks.append(mask)
            return original(sequences, initial_state, mask, training)

        monkeypatch.setattr(layer, "inner_loop", spy)
    model.hidden(tf.constant([[2, 7, 9, 0, 0]]), seed=tf.constant([1, 2]))
    assert masks == [None, None]


def test_dropout_follows_its_seed():
    model = small_model(dropout=0.5, embedding_units=8)
    inputs = tf.constant([[2, 7, 9, 3]])
    one, again, other = (model.hidden(inputs, tf.constant(seed)) for seed in ([1, 5], [1, 5], [1, 6]))
    np.testing.assert_array_equal(one, again)
    assert np.any(one.numpy() != other.numpy())
    assert np.any(one.numpy() == 0)
    # The dropout after the last layer is not the one before it: each site draws its own.
    assert not np.any(model.hidden(inputs).numpy() == 0)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_dropout_drops_its_share_and_keeps_the_mean(dtype):
    model = LanguageModel(12, embedding_units=40, units=4, dropout=0.2, dtype=dtype)
    # An odd number of units.
    dropped = model._drop(tf.ones([3, 257, 201], tf.bfloat16 if "16" in dtype else tf.float32), tf.constant([1, 2]), 0)
    dropped = tf.cast(dropped, tf.float32).numpy()
    np.testing.assert_allclose(np.unique(dropped), [0, 1.25], rtol=1e-4)
    # Five standard deviations of 155,000 draws.
    assert abs((dropped == 0).mean() - 0.2) < 0.005


@pytest.mark.parametrize("variational", [False, True])
def test_variational_dropout_drops_the_same_units_at_all_steps(variational):
    model = LanguageModel(12, embedding_units=40, units=4, dropout=0.5, variational_dropout=variational)
    dropped = model._drop(tf.ones([3, 6, 40]), tf.constant([1, 2]), 0).numpy()
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert np.all(dropped == dropped[:, :1]) == variational
    assert not np.array_equal(dropped[0], dropped[1])


def test_the_docstrings_residual_connection():
    model = small_model(residual=True, embedding_units=2, units=2)
    assert model._joined(0, tf.constant([[1.0, 2.0]]), tf.constant([[0.5, -0.25]])).numpy().tolist() == [[1.5, 1.75]]


@pytest.mark.parametrize("embedding_units", [4, 8])
def test_residual_connections_add_inputs_of_the_same_width(embedding_units):
    model = small_model(residual=True, tied_embedding=False, embedding_units=embedding_units)
    inputs = tf.constant([[2, 7, 9]])
    embedded = model.embedding(inputs)
    first = model.recurrent[0](embedded)
    first = first + embedded if embedding_units == 8 else first
    np.testing.assert_allclose(model.hidden(inputs), model.recurrent[1](first) + first, rtol=1e-5, atol=1e-6)
    plain = small_model(tied_embedding=False, embedding_units=embedding_units)
    assert [weight.shape for weight in plain.weights] == [weight.shape for weight in model.weights]


@pytest.mark.parametrize("options", [{}, {"residual": True}, {"residual": True, "embedding_units": 8}])
def test_steps_one_by_one_are_the_steps_at_once(options):
    model = small_model(**options)
    ids = tf.constant([[2, 7, 9, 4], [2, 5, 5, 6]])
    # Graphs that do not know the shapes, as those of the exported model.
    any_ids, any_states = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, *model.state_shape], tf.float32)
    hidden = tf.function(model.hidden, input_signature=[any_ids])(ids)
    after = tf.function(model.hidden_after, input_signature=[any_ids, any_states])
    states = tf.zeros([2, *model.state_shape])
    for step in range(4):
        last, states = after(ids[:, step : step + 1], states)
        np.testing.assert_allclose(last, hidden[:, step], rtol=1e-5, atol=1e-6)
    at_once, states_at_once = after(ids, tf.zeros([2, *model.state_shape]))
    np.testing.assert_allclose(at_once, last, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(states_at_once, states, rtol=1e-5, atol=1e-6)


def test_the_untrained_model_predicts_the_word_frequencies():
    model = small_model()
    counts = np.array([0, 2, 0, 30, 40, 20, 10, 5, 5, 4, 3, 1])
    model.start_from_frequencies(counts)
    found = np.exp(model(tf.constant([[2, 4, 5]]))[0])
    expected = (counts + 1) / (counts + 1).sum()
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=0.1)


@pytest.mark.parametrize("residual", [False, True])
def test_the_serving_copy_says_the_same_and_never_uses_cudnn(residual):
    model = small_model(tied_embedding=False, dropout=0.5, residual=residual)
    # Large enough that a wrong gate would show.
    model.set_weights([10 * weights for weights in model.get_weights()])
    served = model.for_serving()
    inputs = tf.constant([[2, 7, 9, 0, 0]])
    np.testing.assert_allclose(model(inputs), served(inputs), rtol=1e-4, atol=1e-5)
    assert [layer.use_cudnn for layer in served.recurrent] == [False, False]


def test_mixed_precision_computes_in_half_and_scores_in_float32():
    model = small_model(dtype="mixed_bfloat16")
    inputs = tf.constant([[2, 7, 9, 3]])
    hidden = model.hidden(inputs)
    found = model.softmax.log_probabilities(hidden)
    assert hidden.dtype == tf.bfloat16
    assert found.dtype == tf.float32
    assert all(variable.dtype == "float32" for variable in model.trainable_variables)
    served = model.for_serving()
    assert served.hidden(inputs).dtype == tf.float32
    np.testing.assert_allclose(served(inputs)[0], found[0], atol=0.05)


def test_inputs_must_be_a_matrix():
    with pytest.raises(ValueError, match="inputs has shape"):
        small_model().hidden(tf.constant([2, 7, 9]))


def test_another_backend_of_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=r"Keras computes with jax, .* set KERAS_BACKEND=tensorflow"):
        LanguageModel(vocabulary_size=12, embedding_units=4, units=8)
