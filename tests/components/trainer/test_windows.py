"""Windows of stretches: their division, and the state that goes on from one to the next."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.carried_states import CarriedStates
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.components.trainer.windows import Windows
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.padding import pad_batch

IDS = [[7, 9, 3, 4, 3, 5, 6, 7, 8, 3], [5, 4, 8, 7, 3, 6, 5, 3, 3]]
CONTEXT = [[], [2]]


def ragged(rows):
    return tf.ragged.constant(rows, tf.int64, ragged_rank=1)


def as_lists(parts):
    return [part.numpy().astype(int).tolist() for part in parts]


def test_the_worked_example_of_positions():
    stretches = ragged([[7, 9, 3], [5, 3]]), ragged([[2, 8], []])
    assert as_lists(Windows(1, 4, 8).positions(*stretches)) == [
        [2, 8, 2, 7, 9, 2, 5],
        [0, 0, 7, 9, 3, 5, 3],
        [0, 0, 1, 1, 1, 1, 1],
        [1, 0, 0, 0, 0, 1, 0],
    ]
    assert as_lists(Windows(1, 4, 8, aligned=True).positions(*stretches)) == [
        [2, 8, 2, 7, 9, 0, 0, 0, 2, 5, 0, 0],
        [0, 0, 7, 9, 3, 0, 0, 0, 5, 3, 0, 0],
        [0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
    ]


def test_the_worked_example_of_rows():
    windows = Windows(rows=2, window=2, length=4)
    positions = windows.positions(ragged([[7, 8, 9, 3], [5, 6, 3]]), ragged([[], []]))
    first, second = windows.divide(positions)
    assert as_lists((first.inputs, first.begins, first.left)) == [[[2, 7], [2, 5]], [[1, 0], [1, 0]], 1]
    assert as_lists((second.inputs, second.begins, second.left)) == [[[8, 9], [6, 0]], [[0, 0], [0, 0]], 0]
    assert second.mask.numpy().tolist() == [[1, 1], [1, 0]]


def test_the_worked_example_of_counts():
    assert Windows(rows=2, window=4, length=8).buckets(np.bincount([30])) == Buckets((8,), (2,), 4, 0.0)


@pytest.mark.parametrize(
    ("context", "lengths", "positions", "expected"),
    [
        # 23 times 16 rows have room for 715 positions more.
        (48, [929_589], 512, Windows(16, 32, 2528)),
        (200, [929_589], 512, Windows(5, 100, 12400)),
        # One beginning for all rows, and as many rows as give each four windows.
        (48, [20_000], 512, Windows(16, 32, 1280)),
        (48, [1000], 512, Windows(7, 32, 160)),
        (48, [10], 512, Windows(1, 32, 32)),
        (8, [200], 16, Windows(1, 16, 208)),
    ],
)
def test_rows_fit_the_corpus(context, lengths, positions, expected):
    histogram = np.bincount(lengths)
    windows = Windows.fitting(context, histogram, positions)
    assert windows == expected
    # Nearly all batches are full.
    steps = windows.buckets(histogram).batches
    assert steps * windows.rows * windows.window <= 1.01 * sum(lengths) + windows.rows * windows.window


def windows_of(windows, ids, context):
    rows = tf.data.Dataset.from_tensors((ragged(ids), ragged(context)))
    return list(windows.batches(rows))


STRETCHES = st.lists(
    st.tuples(
        st.lists(st.integers(4, 99), max_size=6),
        st.lists(st.integers(4, 99), min_size=1, max_size=20),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(STRETCHES, st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_every_target_once_in_its_order(stretches, rows, window, count, aligned):
    windows = Windows(rows, window, window * count, aligned)
    context, ids = ([list(part) for part in parts] for parts in zip(*stretches, strict=True))
    batches = windows_of(windows, ids, context)
    lengths = [len(line) + len(before) for line, before in zip(ids, context, strict=True)]
    # With padding up to the next window.
    read = [-(-length // window) * window if aligned else length for length in lengths]
    buckets = windows.buckets(np.bincount(lengths))
    assert len(batches) == buckets.batches
    alone = pad_batch(ragged(ids), context=ragged(context))
    expected = [part.numpy()[alone.mask.numpy() == 1].tolist() for part in (alone.inputs, alone.targets)]
    found: list[list[int]] = [[], []]
    held: list = []
    at = 0
    for batch in batches:
        assert batch.inputs.shape[0] == rows and batch.inputs.shape[1] <= window
        held.append(batch)
        if int(batch.left):
            assert not held[:-1] or int(held[-2].left) == int(batch.left) + 1
            continue
        # All windows of the same rows: read row by row, they are the text.
        inputs, targets, mask, begins = (
            np.concatenate([part.numpy() for part in parts], axis=1) for parts in list(zip(*held, strict=True))[:4]
        )
        # In the order of the text, where a row or a stretch begins.
        length = inputs.shape[1]
        starts = {int(start) - at for start in np.cumsum([0, *read])[:-1]}
        expected_begins = [place % length == 0 or place in starts for place in range(begins.size)]
        assert begins.ravel().tolist() == expected_begins
        at += begins.size
        if aligned:
            assert not any(each.begins.numpy()[:, 1:].any() for each in held)
        for part, into in zip((inputs, targets), found, strict=True):
            into += part[mask == 1].tolist()
        held = []
    assert not held
    assert found == expected
    assert 0.0 <= buckets.padding < 1.0


def model_of(learning_rate=1e-30, **options):
    """A model whose weights do not change in a step, unless it has another learning rate."""
    keras.utils.set_random_seed(5)
    options = {"layers": 2, "units": 6, "embedding_units": 6, "dropout": 0.0, "optimizer": "sgd", **options}
    return build_model(TrainerOptions(learning_rate=learning_rate, batch_tokens=16, **options), 10, 9, shares=2)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"residual": True}, {"output": "adaptive", "adaptive_cutoffs": (6,)}])
@pytest.mark.parametrize("windows", [Windows(1, 3, 30), Windows(2, 4, 12, aligned=True)])
def test_windows_have_the_loss_of_their_stretches(options, windows):
    model = model_of(**options)
    whole = model.test_step(pad_batch(ragged(IDS), context=ragged(CONTEXT)))
    model.perplexity.reset_state()
    model.carry_states(windows.rows)
    for _ in range(2):
        model.perplexity.reset_state()
        for window in windows_of(windows, IDS, CONTEXT):
            logs = model.train_step(window)
        assert float(logs["tokens"]) == float(whole["tokens"]) == 19.0
        assert float(logs["loss"]) == pytest.approx(float(whole["loss"]), rel=1e-5)


@pytest.mark.slow
def test_a_gradient_reaches_its_window_alone():
    model = model_of(learning_rate=1.0)
    model.carry_states(2)
    first, second, *_ = windows_of(Windows(2, 4, 12), IDS, CONTEXT)
    model.train_step(first)
    states = model.carried.read()
    before = [variable.numpy() for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        hidden, _ = model.hidden_of_more(model.embedding(second.inputs), states, second.begins)
        mean = model.softmax.loss_sums(hidden, second.targets, second.mask).mean
    gradients = tape.gradient(mean, [variable.value for variable in model.trainable_variables])
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    norm = float(tf.linalg.global_norm(gradients))
    model.train_step(second)
    for variable, old, gradient in zip(model.trainable_variables, before, gradients, strict=True):
        np.testing.assert_allclose(old - variable.numpy(), gradient / max(1.0, norm), rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_a_window_of_contexts_alone_is_no_error():
    model = model_of(learning_rate=1.0)
    model.carry_states(1)
    first, *rest = windows_of(Windows(1, 3, 9), [[7, 3]], [[2, 8, 9, 5]])
    assert (float(tf.reduce_sum(first.mask)), len(rest)) == (0.0, 1)
    before = model.get_weights()
    model.train_step(first)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    logs = model.train_step(rest[0])
    assert (float(logs["tokens"]), float(logs["skipped"])) == (2.0, 0.0)


def test_states_are_kept_for_the_next_window():
    carried = CarriedStates(2, (1, 2, 2))
    states = tf.reshape(tf.range(8.0), [2, 1, 2, 2])
    carried.keep(states, tf.constant(4))
    assert carried.within_rows
    np.testing.assert_array_equal(carried.read(), states)
    carried.keep(tf.constant([[[[np.nan, 1.0], [np.inf, 2.0]]], [[[3.0, 4.0], [5.0, 6.0]]]]), tf.constant(0))
    assert not carried.within_rows
    np.testing.assert_array_equal(carried.read(), [[[[0.0, 1.0], [0.0, 2.0]]], [[[3.0, 4.0], [5.0, 6.0]]]])
