"""The adaptive softmax: it sums to 1, and its loss and gradients are those of the probabilities it states."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.model import chunked_loss, loss, output_gradients
from tfx_lm.model.adaptive import AdaptiveSoftmax, fitting_cutoffs, share_out
from tfx_lm.model.language_model import LanguageModel
from tfx_lm.transform.padding import pad_batch


def random_softmax(vocabulary, width, cutoffs, seed=0, scale=1.0):
    """An adaptive softmax with random variables, and the variables: kernel, bias and those of the clusters."""
    rng = np.random.default_rng(seed)
    shapes = ([vocabulary, width], [vocabulary], [len(cutoffs), width], [len(cutoffs)])
    variables = [keras.Variable(scale * rng.normal(size=shape), dtype="float32") for shape in shapes]
    return AdaptiveSoftmax(*variables, cutoffs), variables


def random_batch(lengths, width, vocabulary, seed=0):
    """Hidden states, targets and mask."""
    rng = np.random.default_rng(seed)
    time = max(1, *lengths)
    mask = (np.arange(time)[None, :] < np.asarray(lengths)[:, None]).astype(np.float32)
    hidden = rng.normal(size=(len(lengths), time, width)).astype(np.float32)
    return tf.constant(hidden), tf.constant(rng.integers(0, vocabulary, mask.shape)), tf.constant(mask)


def dense_log_probabilities(states, kernel, bias, cluster_kernel, cluster_bias, cutoffs):
    """[..., vocabulary]: the definition, in the dtype of the arguments, with a membership matrix and no slices."""
    cluster_of = np.searchsorted(cutoffs, np.arange(kernel.shape[0]), side="right")  # 0 is the head
    member = tf.one_hot(cluster_of, len(cutoffs) + 1, dtype=states.dtype)
    likely = tf.exp(states @ tf.transpose(kernel) + bias)
    of_clusters = tf.exp(states @ tf.transpose(cluster_kernel) + cluster_bias)
    totals = likely @ member
    head_total = totals[..., :1] + tf.reduce_sum(of_clusters, axis=-1, keepdims=True)
    # What an id's exponential is multiplied by: 1 / head, or cluster / head / all of the cluster.
    factors = tf.concat([tf.ones_like(head_total), of_clusters / totals[..., 1:]], axis=-1) / head_total
    return tf.math.log(likely * (factors @ tf.transpose(member)))


def reference(hidden, targets, mask, variables, cutoffs):
    """Loss sums and gradients in float64, by `loss.reference` from all log-probabilities."""
    inputs = [tf.cast(values, tf.float64) for values in (hidden, *variables)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        # A log-softmax of log-probabilities changes nothing.
        sums = loss.reference(dense_log_probabilities(*inputs, cutoffs), targets, mask)
    return sums, [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(sums.nll, inputs)]


def found_with_gradients(softmax, hidden, targets, mask, variables):
    values = [variable.value for variable in variables]
    with tf.GradientTape() as tape:
        tape.watch(hidden)
        sums = softmax.loss_sums(hidden, targets, mask)
    return sums, [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(sums.nll, [hidden, *values])]


def assert_is_the_reference(softmax, hidden, targets, mask, variables, cutoffs):
    expected, expected_gradients = reference(hidden, targets, mask, variables, cutoffs)
    sums, gradients = found_with_gradients(softmax, hidden, targets, mask, variables)
    np.testing.assert_allclose(sums.nll, expected.nll, rtol=1e-6, atol=1e-6)
    assert float(sums.tokens) == float(expected.tokens)
    for mine, other in zip(gradients, expected_gradients, strict=True):
        assert np.linalg.norm(mine - other) <= 1e-5 * np.linalg.norm(other) + 1e-6


def test_the_worked_example():
    batch = pad_batch(tf.ragged.constant([[7, 9, 3]], tf.int64), 5)
    head, first, second = share_out(batch.targets, batch.mask, (6, 9))
    assert head[0][0, :3].numpy().tolist() == [6, 7, 3]
    assert head[1].numpy().tolist() == [[1, 1, 1, 0, 0]]
    assert first[1].numpy().tolist() == [[1, 0, 0, 0, 0]]
    assert first[0][0, 0] == 1
    assert second[1].numpy().tolist() == [[0, 1, 0, 0, 0]]
    assert second[0][0, 1] == 0


def test_known_probabilities():
    # The head gives 1/2 to id 0, 1/4 to the cluster of ids 1 and 2, 1/4 to that of id 3; id 1 has 3/4 of its own.
    variables = [
        keras.Variable(tf.zeros([4, 1])),
        keras.Variable(tf.math.log([2.0, 3.0, 1.0, 5.0])),
        keras.Variable(tf.zeros([2, 1])),
        keras.Variable(tf.zeros([2])),
    ]
    softmax = AdaptiveSoftmax(*variables, (1, 3))
    expected = [1 / 2, 3 / 16, 1 / 16, 1 / 4]
    np.testing.assert_allclose(np.exp(softmax.log_probabilities(tf.zeros([1, 1]))[0]), expected, rtol=1e-6)
    targets, mask = tf.constant([[1, 3, 0]]), tf.constant([[1.0, 1.0, 0.0]])
    nll = softmax.nll(tf.zeros([1, 3, 1]), targets, mask)
    np.testing.assert_allclose(nll, [[np.log(16 / 3), np.log(4), 0.0]], rtol=1e-6)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    vocabulary=st.integers(6, 40),
    width=st.integers(1, 5),
    cuts=st.sets(st.integers(1, 39), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_all_of_it_agrees(lengths, vocabulary, width, cuts, seed):
    cutoffs = tuple(sorted({min(cut, vocabulary - 1) for cut in cuts}))
    softmax, variables = random_softmax(vocabulary, width, cutoffs, seed)
    hidden, targets, mask = random_batch(lengths, width, vocabulary, seed)
    assert_is_the_reference(softmax, hidden, targets, mask, variables, cutoffs)
    table = softmax.log_probabilities(hidden).numpy()
    np.testing.assert_allclose(np.exp(table.astype(np.float64)).sum(-1), 1.0, atol=1e-5)
    chosen = np.take_along_axis(table, targets.numpy()[..., None], -1)[..., 0]
    nll = softmax.nll(hidden, targets, mask)
    np.testing.assert_allclose(nll, -chosen * mask, rtol=1e-5, atol=1e-5)
    assert not nll.numpy()[mask.numpy() == 0].any()


@pytest.mark.parametrize(
    ("lengths", "of_targets"),
    [
        ([1], (0, 30)),
        ([9, 0, 0, 0], (0, 30)),
        ([5, 3], (0, 10)),
        ([5, 3], (20, 30)),
        ([5, 3], (10, 20)),
        ([0], (0, 30)),
    ],
    ids=["one step", "all but one padded", "head only", "last cluster only", "middle cluster only", "no token"],
)
@pytest.mark.parametrize("gpu", [False, True])
def test_clusters_that_nothing_falls_in(monkeypatch, lengths, of_targets, gpu):
    for module in (chunked_loss, output_gradients):
        monkeypatch.setattr(module, "on_gpu", lambda: gpu)
    softmax, variables = random_softmax(30, 4, (10, 20))
    hidden, targets, mask = random_batch(lengths, 4, 30)
    targets = of_targets[0] + targets % (of_targets[1] - of_targets[0])
    assert_is_the_reference(softmax, hidden, targets, mask, variables, (10, 20))


@pytest.mark.slow
def test_a_large_vocabulary_in_a_graph():
    lengths = [25] * 40
    softmax, variables = random_softmax(3000, 16, (200, 1000), scale=0.3)
    hidden, targets, mask = random_batch(lengths, 16, 3000)
    in_graph = tf.function(softmax.loss_sums)
    expected, _ = reference(hidden, targets, mask, variables, (200, 1000))
    np.testing.assert_allclose(in_graph(hidden, targets, mask).nll, expected.nll, rtol=1e-6)
    assert_is_the_reference(softmax, hidden, targets, mask, variables, (200, 1000))


def test_a_tied_kernel_gets_both_gradients():
    softmax, (kernel, *_) = random_softmax(12, 3, (6, 9))
    ids, mask = tf.constant([[2, 7, 9, 2]]), tf.ones([1, 4])
    targets = tf.constant([[7, 9, 2, 3]])

    def gradient(loss_of):
        with tf.GradientTape() as tape:
            value = loss_of(tf.gather(kernel.value, ids))
        return tf.convert_to_tensor(tape.gradient(value, kernel.value)).numpy()

    found = gradient(lambda hidden: softmax.loss_sums(hidden, targets, mask).nll)
    dense = gradient(lambda hidden: loss.reference(softmax.log_probabilities(hidden), targets, mask).nll)
    np.testing.assert_allclose(found, dense, rtol=1e-4, atol=1e-5)


def test_it_starts_from_the_frequencies():
    softmax, (kernel, *_) = random_softmax(12, 3, (6, 9))
    counts = np.array([0, 2, 0, 30, 40, 20, 10, 5, 5, 4, 3, 1])
    softmax.start_from_frequencies(counts)
    found = np.exp(softmax.log_probabilities(tf.zeros([1, kernel.shape[1]]))[0])
    np.testing.assert_allclose(found, (counts + 1) / (counts + 1).sum(), rtol=1e-5)


def test_bfloat16_states_are_scored_in_float32():
    softmax, variables = random_softmax(30, 4, (10, 20))
    hidden, targets, mask = random_batch([5, 3], 4, 30)
    thin = tf.cast(hidden, tf.bfloat16)
    expected, _ = reference(hidden, targets, mask, variables, (10, 20))
    for found in (softmax.loss_sums(thin, targets, mask).nll, tf.reduce_sum(softmax.nll(thin, targets, mask))):
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, expected.nll, rtol=0.02)
    assert softmax.log_probabilities(thin).dtype == tf.float32


def test_cutoffs_beyond_the_vocabulary_are_dropped():
    assert fitting_cutoffs((2000, 10_000), 10_004) == (2000, 10_000)
    assert fitting_cutoffs((2000, 10_000), 10_000) == (2000,)
    with pytest.raises(ValueError, match=r"adaptive_cutoffs=\[2000\]: must begin below 2000, .*; set adaptive_cutoffs"):
        fitting_cutoffs((2000,), 2000)


@pytest.mark.parametrize("tied", [True, False])
def test_a_model_with_it_and_its_serving_copy(tied):
    model = LanguageModel(24, embedding_units=12, units=12, tied_embedding=tied, adaptive_cutoffs=(8, 20))
    parameters = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    # Kernels of 24 ids and biases, two layers of LSTM, the head's two entries for the clusters.
    assert parameters == 24 * 12 * (1 if tied else 2) + 24 + 2 * 4 * 12 * (12 + 12 + 1) + 2 * (12 + 1)
    model.start_from_frequencies(np.arange(24))
    inputs = tf.constant([[2, 7, 9, 15, 23]])
    found = model(inputs)
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(found), -1), np.ones((1, 5)), rtol=1e-5)
    np.testing.assert_allclose(model.for_serving()(inputs), found, rtol=1e-5, atol=1e-6)
