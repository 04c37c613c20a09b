"""Steps whose loss or gradient is not finite: they leave the weights as they are, are counted, and end the training."""

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tfx_lm
from tfx_lm.components.trainer import callbacks
from tfx_lm.components.trainer.backup import Backup, TrainingState
from tfx_lm.components.trainer.divergence import LARGEST_VALIDATION, Divergence, DivergenceError
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model import loss
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.padding import PaddedBatch, pad_batch

pytestmark = pytest.mark.slow

BATCH = pad_batch(tf.ragged.constant([[7, 9, 3], [4, 3], [5, 6, 7, 8, 3], [3]], tf.int64))
EMPTY = PaddedBatch(BATCH.inputs, BATCH.targets, tf.zeros_like(BATCH.mask))


def model_of(**options):
    small = {"embedding_units": 4, "units": 6, "layers": 1, "dropout": 0.0, "optimizer": "sgd", "learning_rate": 0.1}
    return build_model(TrainerOptions(**{**small, **options}), vocabulary_size=12, steps=10)


def weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def break_loss(monkeypatch, model, value, number=1):
    """Makes the loss of the first steps NaN or infinite; the gradient follows."""
    sums = model._sums

    def broken(*arguments):
        (nll, tokens), states = sums(*arguments)
        return loss.LossSums(nll * tf.where(model.optimizer.iterations.value < number, value, 1.0), tokens), states

    monkeypatch.setattr(model, "_sums", broken)


def break_gradient(monkeypatch, model, value, number=1):
    """Makes the gradient by the embedded words of the first steps NaN or infinite, and leaves the loss alone."""
    sums = model._sums

    @tf.custom_gradient
    def broken(embedded):
        bad = tf.where(model.optimizer.iterations.value < number, value, 1.0)
        return tf.identity(embedded), lambda gradient: gradient * tf.cast(bad, gradient.dtype)

    monkeypatch.setattr(model, "_sums", lambda embedded, *others: sums(broken(embedded), *others))


KINDS = [
    {},
    {"tied_embedding": False},
    {"precision": "bfloat16"},
    {"output": "adaptive", "adaptive_cutoffs": (6,)},
    {"layers": 2, "dropout": 0.5},
]


@pytest.mark.parametrize("options", KINDS, ids=["tied", "untied", "bfloat16", "adaptive", "dropout"])
@pytest.mark.parametrize(
    ("breaks", "value", "cause"),
    [(break_loss, math.nan, "loss=nan"), (break_loss, math.inf, "loss=inf"),
     (break_gradient, math.nan, "its gradient is not finite (loss=2."),
     (break_gradient, math.inf, "its gradient is not finite (loss=2.")],
    ids=["loss-nan", "loss-inf", "gradient-nan", "gradient-inf"],
)  # fmt: skip
def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(monkeypatch, options, breaks, value, cause):
    model = model_of(**options)
    breaks(monkeypatch, model, value)
    before = weights(model)
    logs = model.train_step(BATCH)
    assert (float(logs["skipped"]), float(logs["tokens"])) == (1.0, 0.0)
    for old, new in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.skipped.first().cause().startswith(cause)

    logs = model.train_step(BATCH)
    assert (float(logs["skipped"]), float(logs["tokens"])) == (1.0, 11.0)
    assert 2.0 < float(logs["loss"]) < 3.0
    assert any((old != new).any() for old, new in zip(before, weights(model), strict=True))
    assert model.skipped.first().step == 1


def test_adam_keeps_finite_weights(monkeypatch):
    model = model_of(optimizer="adamw", weight_decay=0.1)
    break_gradient(monkeypatch, model, math.nan, number=2)
    for _ in range(4):
        model.train_step(BATCH)
    assert float(model.skipped.count) == 2.0
    assert all(np.isfinite(value).all() for value in [*weights(model), *(v.numpy() for v in model.optimizer.variables)])


def test_a_batch_without_a_real_token_has_a_gradient_of_zero():
    """All rows of a window may read their context."""
    model = model_of()
    before = weights(model)
    model.train_step(BATCH)
    middle = weights(model)
    model.train_step(EMPTY)
    for old, new in zip(middle, weights(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert (before[0] != middle[0]).any()
    assert (float(model.skipped.count), model.skipped.first()) == (0.0, None)


def test_a_word_that_never_occurs_is_finite():
    """Its frequency is 0, and the bias of an untrained model the logarithm of a frequency."""
    for options in KINDS:
        model = model_of(**options)
        model.start_from_frequencies(np.array([0, 0, 0, 4, 1, 1, 1, 2, 1, 1, 0, 0]))
        logs = model.train_step(BATCH)
        assert (float(logs["skipped"]), float(logs["loss"]) < 3.0) == (0.0, True)
        scored = model.test_step(pad_batch(tf.ragged.constant([[10, 11, 3]], tf.int64)))
        assert math.isfinite(float(scored["loss"]))


def check(model, logs, batches=40, batches_done=0, ended=False, **options):
    """Calls the check as `fit` does, at the end of a batch or of the first epoch."""
    state = TrainingState(batches_done=batches_done)
    callback = Divergence(TrainerOptions(**options), batches, vocabulary_size=12, state=state)
    callback.set_model(model)
    callback.on_epoch_begin(0, {})
    callback.checked = -math.inf
    good = {"loss": 2.0, "skipped": 0.0, "val_loss": 2.0}
    if ended:
        callback.on_epoch_end(0, {**good, **logs})
    else:
        callback.on_train_batch_end(0, {**good, **logs})


def test_the_first_skipped_step_ends_the_training(monkeypatch):
    model = model_of()
    break_gradient(monkeypatch, model, math.nan, number=3)
    for _ in range(3):
        logs = model.train_step(BATCH)
    expected = (
        r"^step 1 \(epoch 1, batch 1 of 40\): its gradient is not finite \(loss=2\.\d+\); nothing is exported; lower "
        r"learning_rate \(0\.003\) or clip_norm \(1\), or set on_nonfinite=skip, which leaves such steps out$"
    )
    with pytest.raises(DivergenceError, match=expected):
        check(model, logs)


@pytest.mark.parametrize(("batches", "most"), [(8, 7), (40, 10), (1000, 10), (5000, 50)])
def test_skipped_steps_are_bounded(monkeypatch, batches, most):
    model = model_of()
    break_loss(monkeypatch, model, math.inf)
    model.train_step(BATCH)
    check(model, {"skipped": float(most)}, batches, on_nonfinite="skip")
    expected = (
        rf"^step 1 .*: loss=inf; {most + 1} steps of the epoch are skipped at its end, and {most} may be; nothing"
    )
    with pytest.raises(DivergenceError, match=expected):
        check(model, {"skipped": most + 1.0}, batches, ended=True, on_nonfinite="skip")


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A function that makes a training that saves after each batch and has just looked for a breakdown.

    It returns the model, a function that trains one batch of the first epoch, and the backup, saved before the epoch.
    """
    monkeypatch.setattr(callbacks, "BACKUP_EVERY", 0.0)

    def training(skipped=0, **options):
        options, model = TrainerOptions(**options), model_of()
        state = TrainingState(epoch_skipped=skipped)
        divergence = Divergence(options, batches=40, vocabulary_size=12, state=state)
        backup = Backup(str(tmp_path), {})
        backup.save(model, TrainingState(best_perplexity=7.0))
        called = [callbacks.Position(state), divergence, callbacks.SaveBackup(backup, 40, state, divergence)]
        for callback in called:
            callback.set_model(model)
            callback.on_epoch_begin(0, {})
        divergence.checked = math.inf

        def train_batch():
            batch, logs = state.batches_done, model.train_step(BATCH)
            for callback in called:
                callback.on_train_batch_end(batch, logs)

        return model, train_batch, backup

    return training


@pytest.mark.parametrize(
    ("skipped", "options", "cause"),
    [(0, {}, r"loss=nan; nothing is exported; lower .*, or set on_nonfinite=skip"),
     (10, {"on_nonfinite": "skip"}, r"loss=nan; 11 steps of the epoch are skipped after batch 1 of 40, and 10 may be")],
    ids=["stop", "skip"],
)  # fmt: skip
def test_a_training_that_has_broken_down_is_not_saved(monkeypatch, training, skipped, options, cause):
    model, train_batch, backup = training(skipped, **options)
    break_loss(monkeypatch, model, math.nan)
    with pytest.raises(DivergenceError, match=rf"^step 1 \(epoch 1, batch 1 of 40\): {cause}"):
        train_batch()
    assert backup.restore(model).best_perplexity == 7.0


def test_a_resumed_training_counts_the_steps_that_were_skipped_before(monkeypatch, training):
    model, train_batch, backup = training(8, on_nonfinite="skip")
    break_loss(monkeypatch, model, math.nan, number=2)
    train_batch()
    assert backup.restore(model).epoch_skipped == 9
    model, train_batch, backup = training(backup.restore(model).epoch_skipped, on_nonfinite="skip")
    train_batch()
    assert backup.restore(model).epoch_skipped == 9


def test_a_backup_with_more_skipped_steps_than_may_be_is_not_said_to_be_step_0(training):
    _, train_batch, _ = training(1)
    cause = "^epoch 1: the loss or the gradient of a step before the resume was not finite; nothing is exported; lower"
    with pytest.raises(DivergenceError, match=cause):
        train_batch()
    _, train_batch, _ = training(11, on_nonfinite="skip")
    with pytest.raises(DivergenceError, match=r"^epoch 1: .*; 11 steps of the epoch are skipped .*, and 10 may be"):
        train_batch()


def test_a_loss_far_above_a_uniform_guess_ends_the_training():
    # ln 12 is 2.485.
    check(None, {"loss": 4.9}, ended=True)
    check(None, {"loss": 1e7}, batches_done=99)
    expected = "^loss=4.98 in epoch 1 {}: the training diverged, since a uniform guess has 2.485; nothing is exported"
    with pytest.raises(DivergenceError, match=expected.format("after batch 100 of 400")):
        check(None, {"loss": 4.98}, batches=400, batches_done=100)
    with pytest.raises(DivergenceError, match=expected.format("at its end")):
        check(None, {"loss": 4.98}, ended=True)


def test_a_model_that_knows_its_only_batch_by_heart_has_not_broken_down():
    """A validation of nothing but unknown words costs more than the loss of a training may be."""
    model = model_of(embedding_units=32, units=32, optimizer="adamw", learning_rate=0.1)
    model.start_from_frequencies(np.array([0, 0, 0, 4, 1, 1, 1, 2, 1, 1, 0, 0]))
    for _ in range(20):
        model.train_step(BATCH)
    model.perplexity.reset_state()
    loss = float(model.test_step(pad_batch(tf.ragged.constant([[1, 1, 1, 3], [1] * 9], tf.int64)))["loss"])
    assert loss > 2.0 * math.log(12)
    check(None, {"val_loss": loss}, ended=True)


@pytest.mark.parametrize(("val_loss", "breaks"), [(99.0, False), (101.0, True), (math.inf, True), (math.nan, True)])
def test_the_first_validation_may_be_bad_but_not_absurd(val_loss, breaks):
    if not breaks:
        check(None, {"val_loss": val_loss}, ended=True)
        return
    with pytest.raises(
        DivergenceError, match=rf"^validation loss={val_loss:g} after epoch 1: the training diverged; no"
    ):
        check(None, {"val_loss": val_loss}, ended=True)


def test_the_guide_names_the_bound_of_the_first_validation():
    page = (Path(tfx_lm.__file__).parent / "docs" / "guide" / "training.md").read_text(encoding="utf-8")
    assert f"| the first validation loss is above {LARGEST_VALIDATION:g} nats per token, or one is not finite |" in page


def test_an_epoch_without_a_finite_loss_ends_the_training():
    """One step was skipped, and no other has a target."""
    with pytest.raises(DivergenceError, match=r"^no step of epoch 1 has a finite loss; nothing is exported"):
        check(None, {"loss": math.nan}, ended=True, on_nonfinite="skip")
    check(None, {"loss": math.nan}, on_nonfinite="skip")
