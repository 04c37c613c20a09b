"""The loss in chunks, against the reference."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
from helpers.exact_loss import numpy_nll
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.model import chunked_loss, loss, loss_of_logits, output_gradients


@contextlib.contextmanager
def chunks_of(tokens):
    """Makes the chunks this small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunked_loss, "CHUNK_TOKENS", tokens)
        patch.setattr(chunked_loss, "CHUNK_LOGITS", 1)
        yield


def masked_nll(hidden, kernel, bias, targets, mask):
    """The loss of each token, 0 at padding, of a linear projection."""
    logits = np.einsum("btu,vu->btv", hidden.numpy(), kernel.numpy()) + bias.numpy()
    return numpy_nll(logits, targets) * mask.numpy()


def random_problem(batch, time, units, vocabulary, lengths, seed=0):
    """Hidden states, kernel, bias, targets and mask as float64 or int64 tensors."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(time)[None, :] < np.asarray(lengths)[:, None]).astype(np.float64)
    return (
        tf.constant(rng.normal(size=(batch, time, units))),
        tf.constant(rng.normal(size=(vocabulary, units))),
        tf.constant(rng.normal(size=vocabulary)),
        tf.constant(rng.integers(0, vocabulary, (batch, time))),
        tf.constant(mask),
    )


def flat_gradients(version, hidden, kernel, bias, targets, mask):
    """The sums of a version of the loss, and the gradients of nll by hidden states, kernel and bias."""
    with tf.GradientTape() as tape:
        tape.watch([hidden, kernel, bias])

        def project(states):
            return tf.linalg.matmul(states, kernel, transpose_b=True) + bias

        if version is loss.reference:
            flat = tf.reshape(hidden, [-1, hidden.shape[-1]])
            logits = tf.reshape(project(flat), [*hidden.shape[:2], kernel.shape[0]])
            sums = loss.reference(logits, targets, mask)
        else:
            sums = chunked_loss.chunked(hidden, targets, mask, kernel, bias)
    gradients = tape.gradient(sums.nll, [hidden, kernel, bias])
    return sums, [tf.convert_to_tensor(gradient) for gradient in gradients]


def with_gradients(version, *problem):
    """The same with the gradients as arrays."""
    sums, gradients = flat_gradients(version, *problem)
    return sums, [gradient.numpy() for gradient in gradients]


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    vocabulary=st.integers(2, 40),
    units=st.integers(1, 5),
    extra=st.integers(0, 4),
    chunk=st.integers(1, 9),
    seed=st.integers(0, 2**16),
)
def test_every_version_is_the_reference_and_padding_changes_nothing(lengths, vocabulary, units, extra, chunk, seed):
    time = max(1, *lengths)
    problem = random_problem(len(lengths), time, units, vocabulary, lengths, seed)
    hidden, kernel, bias, targets, mask = problem
    expected, expected_gradients = with_gradients(loss.reference, *problem)
    np.testing.assert_allclose(expected.nll, masked_nll(*problem).sum(), rtol=1e-9)
    more = [[0, 0], [0, extra]]
    padded = (
        tf.pad(hidden, [*more, [0, 0]], constant_values=3.0),
        kernel,
        bias,
        tf.pad(targets, more),
        tf.pad(mask, more),
    )
    for version in (loss.reference, chunked_loss.chunked):
        with chunks_of(chunk):
            found, gradients = with_gradients(version, *padded)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        np.testing.assert_allclose(gradients[0][:, :time], expected_gradients[0], rtol=1e-9, atol=1e-12)
        assert not gradients[0][:, time:].any()
        for mine, reference in zip(gradients[1:], expected_gradients[1:], strict=True):
            np.testing.assert_allclose(mine, reference, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    chunk=st.integers(1, 9),
    seed=st.integers(0, 2**16),
)
def test_scores_are_the_reference_token_by_token_for_any_chunk(lengths, chunk, seed):
    vocabulary = 7
    hidden, kernel, bias, targets, mask = random_problem(len(lengths), max(1, *lengths), 3, vocabulary, lengths, seed)
    with chunks_of(chunk):
        found = chunked_loss.scores(
            hidden, targets, mask, lambda states: states @ tf.transpose(kernel) + bias, vocabulary
        )
    each = masked_nll(hidden, kernel, bias, targets, mask)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, each, rtol=1e-5, atol=1e-6)
    assert not np.asarray(found)[np.asarray(mask) == 0].any()


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "time", "vocabulary"), [(1, 1, 2), (4, 30, 50_000), (40, 20, 1000)])
def test_chunked_in_float32_in_a_graph_is_the_reference_in_float64(batch, time, vocabulary):
    lengths = np.random.default_rng(0).integers(1, time + 1, batch)
    problem = random_problem(batch, time, 8, vocabulary, lengths)
    expected, expected_gradients = with_gradients(loss.reference, *problem)
    single = [tf.cast(values, tf.float32) if values.dtype == tf.float64 else values for values in problem]
    with chunks_of(100):
        found, gradients = tf.function(lambda *inputs: flat_gradients(chunked_loss.chunked, *inputs))(*single)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for mine, reference in zip(gradients, expected_gradients, strict=True):
        assert np.linalg.norm(mine - reference) <= 1e-5 * np.linalg.norm(reference)


def test_chunked_scales_its_gradients_by_what_follows():
    problem = random_problem(2, 4, 3, 7, [4, 2])
    hidden, kernel, bias, targets, mask = problem
    _, expected = with_gradients(loss.reference, *problem)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        mean = chunked_loss.chunked(hidden, targets, mask, kernel, bias).mean
    np.testing.assert_allclose(tape.gradient(mean, kernel), expected[1] / 6, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("vocabulary", "chunk"), [(7, 3), (50_000, 1000)])
def test_what_a_gpu_runs_is_the_reference(monkeypatch, vocabulary, chunk):
    """Larger chunks, another operation for the loss, and the kernel's gradient in one block."""
    for module in (chunked_loss, output_gradients):
        monkeypatch.setattr(module, "on_gpu", lambda: True)
    monkeypatch.setattr(chunked_loss, "GPU_CHUNK_LOGITS", 1)
    monkeypatch.setattr(chunked_loss, "CHUNK_TOKENS", chunk)
    problem = random_problem(4, 9, 8, vocabulary, [9, 0, 4, 1])
    expected, expected_gradients = with_gradients(loss.reference, *problem)
    found, gradients = tf.function(lambda *inputs: flat_gradients(chunked_loss.chunked, *inputs))(*problem)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for mine, reference in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("rows_bytes", [1, 4 * 300 * 7, 2**20])
@pytest.mark.parametrize("shares", [1, 2])
def test_half_precision_is_the_same_in_any_number_of_rows(monkeypatch, rows_bytes, shares):
    """One row at a time, seven, all; the sums are those of float32 logits that were rounded once."""
    monkeypatch.setattr(loss_of_logits, "ROWS_BYTES", rows_bytes)
    hidden, kernel, bias, targets, mask = random_problem(4, 30, 16, 300, [30, 20, 10, 1])
    states, weights, bias = tf.cast(hidden, tf.bfloat16), tf.cast(kernel, tf.float32), tf.cast(bias, tf.float32)
    logits = tf.cast(states @ tf.cast(tf.transpose(kernel), tf.bfloat16), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([logits, bias])
        expected = loss.reference(logits + bias, targets, mask)
    by_logits, by_bias = tape.gradient(expected.nll, [logits, bias])

    @tf.function
    def found(states, weights, bias):
        with tf.GradientTape() as tape:
            tape.watch([states, weights, bias])
            nll = chunked_loss.chunked(states, targets, mask, weights, bias, shares=shares).nll
        return nll, tape.gradient(nll, [states, weights, bias])

    nll, (by_states, by_weights, by_own_bias) = found(states, weights, bias)
    np.testing.assert_allclose(nll, expected.nll, rtol=1e-6)
    np.testing.assert_allclose(by_own_bias, by_bias, rtol=1e-5, atol=1e-5)
    rounded = tf.cast(tf.cast(by_logits, tf.bfloat16), tf.float32)
    by_kernel = tf.einsum("btv,btu->vu", rounded, tf.cast(states, tf.float32))
    assert np.linalg.norm(by_weights - by_kernel) <= 0.01 * np.linalg.norm(by_kernel)
    by_hidden = rounded @ tf.cast(tf.cast(kernel, tf.bfloat16), tf.float32)
    assert np.linalg.norm(tf.cast(by_states, tf.float32) - by_hidden) <= 0.01 * np.linalg.norm(by_hidden)


def test_a_probability_too_small_for_a_float_in_half_precision():
    hidden = tf.constant([[[0.0, 1.0], [1.0, 0.0]]], tf.bfloat16)
    kernel, bias = tf.constant([[0.0, 0.0], [200.0, 200.0]]), tf.constant([0.0, 0.0])
    assert float(chunked_loss.chunked(hidden, tf.constant([[1, 0]]), tf.ones([1, 2]), kernel, bias).nll) == 200.0


def test_chunked_in_half_precision_still_sums_in_float32():
    hidden, kernel, bias, targets, mask = random_problem(4, 30, 16, 300, [30, 20, 10, 1])
    with tf.GradientTape() as tape:
        states, weights = tf.cast(hidden, tf.bfloat16), tf.cast(kernel, tf.float32)
        tape.watch([states, weights])
        sums = chunked_loss.chunked(states, targets, mask, weights, tf.cast(bias, tf.float32))
    by_states, by_weights = tape.gradient(sums.nll, [states, weights])
    assert (sums.nll.dtype, by_states.dtype, by_weights.dtype) == (tf.float32, tf.bfloat16, tf.float32)
    expected, (_, by_kernel, _) = with_gradients(loss.reference, hidden, kernel, bias, targets, mask)
    np.testing.assert_allclose(sums.nll, expected.nll, rtol=0.01)
    assert np.linalg.norm(by_weights - by_kernel) <= 0.05 * np.linalg.norm(by_kernel)


def test_scores_never_hold_the_logits_of_more_than_a_chunk(monkeypatch):
    monkeypatch.setattr(chunked_loss, "CHUNK_TOKENS", 1)
    monkeypatch.setattr(chunked_loss, "CHUNK_LOGITS", 20)
    seen = []

    def project(states):
        seen.append(states.shape[0])
        return tf.zeros([tf.shape(states)[0], 5])

    found = chunked_loss.scores(tf.zeros([3, 4, 2]), tf.zeros([3, 4], tf.int64), tf.ones([3, 4]), project, 5)
    assert seen == [4, 4, 4]
    np.testing.assert_allclose(found, np.full((3, 4), np.log(5)), rtol=1e-6)


@pytest.mark.parametrize("junk", [np.inf, -np.inf, np.nan])
def test_what_stands_at_padding_reaches_neither_loss_nor_gradients(junk):
    hidden, kernel, bias, targets, mask = random_problem(1, 5, 3, 7, [3])
    clean = with_gradients(chunked_loss.chunked, hidden, kernel, bias, targets, mask)
    dirty_hidden = tf.where(mask[..., None] > 0, hidden, tf.constant(junk, tf.float64))
    dirty = with_gradients(chunked_loss.chunked, dirty_hidden, kernel, bias, targets, mask)
    assert clean[0] == dirty[0]
    for expected, gradient in zip(clean[1], dirty[1], strict=True):
        np.testing.assert_array_equal(gradient, expected)


def test_a_probability_too_small_for_a_float_keeps_its_loss_and_gradients():
    # Both tokens have the logits 0 and 200; the target of the second one has a probability of e^-200.
    hidden = tf.constant([[[0.0, 1.0], [1.0, 0.0]]])
    kernel, bias = tf.constant([[0.0, 0.0], [200.0, 200.0]]), tf.constant([0.0, 0.0])
    targets, mask = tf.constant([[1, 0]]), tf.ones([1, 2])
    assert float(chunked_loss.chunked(hidden, targets, mask, kernel, bias).nll) == pytest.approx(200.0, rel=1e-6)
    each = chunked_loss.scores(hidden, targets, mask, _projected(kernel, bias), 2)
    np.testing.assert_allclose(each, [[0.0, 200.0]], rtol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch([kernel, bias])
        sums = chunked_loss.chunked(hidden, targets, mask, kernel, bias)
    by_kernel, by_bias = tape.gradient(sums.nll, [kernel, bias])
    np.testing.assert_allclose(by_kernel, [[-1.0, 0.0], [1.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(by_bias, [-1.0, 1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("shift", "products"), [(-500.0, 2), (-60.0, 2), (-57.0, 1), (-20.0, 1), (0.0, 1), (27.0, 1), (28.0, 2), (500.0, 2)]
)
def test_scores_are_those_of_logits_that_all_are_larger_or_smaller(shift, products):
    logits = tf.constant([[[1.0, 0.0], [0.0, 30.0]]]) + shift
    projected = []

    def project(states):
        projected.append(states)
        return states

    each = chunked_loss.scores(logits, tf.constant([[0, 1]]), tf.ones([1, 2]), project, 2)
    # Rounded as the logarithm of the sum is, but never below 0.
    np.testing.assert_allclose(each, [[np.log1p(np.exp(-1)), 0.0]], rtol=0, atol=5e-6 if products == 1 else 1e-6)
    assert np.all(np.asarray(each) >= 0)
    # Only a sum that is too large or too small is computed again.
    assert len(projected) == products


def test_scores_of_logits_that_are_not_finite_are_not_numbers():
    logits = tf.constant([[[1.0, np.nan], [np.inf, 0.0], [0.0, 1.0]]])
    each = chunked_loss.scores(logits, tf.constant([[0, 1, 1]]), tf.ones([1, 3]), tf.identity, 2)
    assert np.isfinite(each).tolist() == [[False, False, True]]


def _projected(kernel, bias):
    return lambda states: tf.matmul(states, kernel, transpose_b=True) + bias


def test_no_tokens_have_no_loss():
    arguments = tf.zeros([2, 3, 4]), tf.zeros([2, 3], tf.int64), tf.zeros([2, 3])
    sums = chunked_loss.chunked(*arguments, tf.zeros([9, 4]), tf.zeros([9]))
    assert [float(x) for x in sums] == [0.0, 0.0]
    assert not np.asarray(chunked_loss.scores(*arguments, tf.identity, 4)).any()


@pytest.mark.parametrize(
    ("hidden", "targets", "mask", "named"),
    [
        ([2, 5], [2, 5], [2, 5], "hidden has shape"),
        ([2, 5, 3], [2, 4], [2, 5], "targets has shape"),
        ([2, 5, 3], [2, 5], [2, 5, 1], "mask has shape"),
        ([2, 5, 3], [10], [2, 5], "targets has shape"),
    ],
)
def test_shapes_that_do_not_fit_are_errors(hidden, targets, mask, named):
    arguments = tf.zeros(hidden), tf.zeros(targets, tf.int64), tf.zeros(mask)
    with pytest.raises(ValueError, match=named):
        chunked_loss.scores(*arguments, tf.identity, 3)
    with pytest.raises(ValueError, match=named):
        chunked_loss.chunked(*arguments, tf.zeros([9, 3]), tf.zeros([9]))


def test_a_kernel_that_does_not_fit_is_an_error():
    arguments = tf.zeros([2, 5, 3]), tf.zeros([2, 5], tf.int64), tf.zeros([2, 5])
    for kernel, bias in (([9, 4], [9]), ([9, 3], [8])):
        with pytest.raises(ValueError, match="kernel has shape"):
            chunked_loss.chunked(*arguments, tf.zeros(kernel), tf.zeros(bias))


@pytest.mark.slow
@pytest.mark.parametrize("shares", [2, 3])
@pytest.mark.parametrize("vocabulary", [2, 97, 1000])
@pytest.mark.parametrize("thin_vocabulary", [50, 2000])
def test_shares_and_blocks_change_nothing(monkeypatch, shares, vocabulary, thin_vocabulary):
    """Blocks of the kernel that do not divide it, chunks that do not divide the tokens, shares without any."""
    monkeypatch.setattr(output_gradients, "THIN_VOCABULARY", thin_vocabulary)
    monkeypatch.setattr(output_gradients, "AT_ONCE_BYTES", 1024)
    monkeypatch.setattr(output_gradients, "BLOCK_BYTES", 1024)
    monkeypatch.setattr(chunked_loss, "CHUNK_TOKENS", 5)
    monkeypatch.setattr(chunked_loss, "CHUNK_LOGITS", 5)
    generator = np.random.default_rng(1)
    hidden, kernel = (tf.constant(generator.normal(size=shape)) for shape in ((4, 9, 8), (vocabulary, 8)))
    bias = tf.constant(generator.normal(size=vocabulary))
    targets = tf.constant(generator.integers(0, vocabulary, (4, 9)))

    @tf.function
    def in_chunks(hidden, kernel, bias, real):
        with tf.GradientTape() as tape:
            tape.watch([hidden, kernel, bias])
            nll = chunked_loss.chunked(hidden, targets, real, kernel, bias, shares=shares).nll
            scaled = 3.0 * nll
        return [nll, *map(tf.convert_to_tensor, tape.gradient(scaled, [hidden, kernel, bias]))]

    def at_once(hidden, kernel, bias, real):
        with tf.GradientTape() as tape:
            tape.watch([hidden, kernel, bias])
            nll = loss.reference(tf.einsum("btu,vu->btv", hidden, kernel) + bias, targets, real).nll
            scaled = 3.0 * nll
        return [nll, *tape.gradient(scaled, [hidden, kernel, bias])]

    for mask in (generator.integers(0, 2, (4, 9)), np.zeros((4, 9)), np.eye(4, 9)):
        problem = hidden, kernel, bias, tf.constant(mask, tf.float64)
        in_chunks(*problem)
        # A second call must not find what the first one added.
        found = in_chunks(*problem), at_once(*problem)
        for ours, exact in zip(*found, strict=True):
            np.testing.assert_allclose(ours, exact, rtol=1e-12, atol=1e-12)
