"""A training that is killed goes on where it was, and ends as if it had never been killed."""

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.programs import program
from tfx_lm.components.trainer.backup import Backup, TrainingState
from tfx_lm.components.trainer.run_fn import build_model, run_fn
from tfx_lm.model.options import TrainerOptions


def epochs(fn_args):
    return json.loads((pathlib.Path(fn_args.model_run_dir) / "training.json").read_text())["epochs"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backup_every", "where", "averages"),
    [(0, "training", True), (600, "training", True), (0, "validation", True), (0, "training", False)],
)
def test_a_killed_training_ends_like_one_that_ran_through(
    backup_every, where, averages, trained, corpus, tmp_path, forked_python
):
    # The others are as `trained` was.
    changed = {} if averages else {"ema_momentum": 0.0}
    if changed:
        trained = corpus.fn_args(tmp_path / "through", **changed)
        run_fn(trained)
    # One of them as it is in practice.
    python = sys.executable if where == "validation" else forked_python
    kept = tmp_path / "backup"
    killed = corpus.fn_args(tmp_path / "killed", backup_directory=kept, **changed)
    run = subprocess.run(
        program("train_until_killed", json.dumps(vars(killed)), backup_every, where, python=python),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert len(epochs(killed)) == 2
    assert len(list(kept.iterdir())) == 1
    assert not pathlib.Path(killed.serving_model_dir).exists()

    # TFX gives the next attempt other folders.
    resumed = corpus.fn_args(tmp_path / "resumed", backup_directory=kept, **changed)
    run_fn(resumed)
    document = json.loads((pathlib.Path(resumed.model_run_dir) / "training.json").read_text())
    assert document["resumed_after_epoch"] == 2
    assert (document["resumed_after_batch"] >= document["train"]["batches"] / 3) == (backup_every == 0)
    assert len(document["epochs"]) == len(epochs(trained))
    for mine, other in zip(document["epochs"], epochs(trained), strict=True):
        for name in ("epoch", "loss", "validation_loss", "tokens", "learning_rate"):
            assert mine[name] == pytest.approx(other[name], rel=1e-4)
    ours, theirs = (tf.saved_model.load(args.serving_model_dir).parameters for args in (resumed, trained))
    for name, variable in theirs.items():
        np.testing.assert_allclose(ours[name], variable, rtol=1e-3, atol=1e-4)
    assert not list(kept.iterdir())


OPTIONS = TrainerOptions(
    embedding_units=3, units=4, layers=1, dropout=0.0, batch_tokens=10, epochs=3, learning_rate=0.1
)


def values(model):
    return [variable.numpy() for variable in [*model.weights, *model.optimizer.variables]]


def test_everything_comes_back(tmp_path):
    keras.utils.set_random_seed(1)
    model = build_model(OPTIONS, 9, 10)
    for variable in model.optimizer.variables:
        variable.assign(tf.ones_like(variable.value) * 3)
    state = TrainingState(
        epochs_done=2, best_perplexity=7.5, best_epoch=1, best_weights=model.get_weights(), epochs_since_best=1,
        epochs_since_change=1, records=[{"epoch": 1}, {"epoch": 2}],
    )  # fmt: skip
    backup = Backup(str(tmp_path / "new" / "folder"), {"a": 1})
    backup.save(model, state)
    backup.save(model, state)

    other = build_model(OPTIONS, 9, 10)
    restored = backup.restore(other)
    for mine, theirs in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(state.best_weights, restored.best_weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    state.best_weights = restored.best_weights = []
    assert dataclasses.asdict(restored) == dataclasses.asdict(state)
    assert float(other.optimizer.learning_rate) == 3.0

    backup.delete()
    backup.delete()
    assert backup.restore(other).epochs_done == 0


def test_a_training_of_something_else_is_not_resumed(tmp_path):
    model = build_model(OPTIONS, 9, 10)
    Backup(str(tmp_path), {"files": ["a"]}).save(model, TrainingState(epochs_done=1))
    assert Backup(str(tmp_path), {"files": ["b"]}).restore(model).epochs_done == 0
    assert Backup(str(tmp_path), {"files": ["a"]}).restore(model).epochs_done == 1


@pytest.mark.slow
def test_a_backup_with_a_wrong_bit_is_refused_or_read_as_it_was(tmp_path):
    """Also in the names, flags and sizes of a ZIP file, which have no checksum."""
    model = build_model(OPTIONS, 9, 10)
    backup = Backup(str(tmp_path), {})
    backup.save(model, TrainingState(epochs_done=1, best_weights=model.get_weights()))
    path = pathlib.Path(backup.path)
    whole, expected = path.read_bytes(), model.get_weights()
    directory = whole.index(b"PK\x01\x02")
    epochs = set()
    for place in [*range(40), *range(directory, directory + 60), *range(len(whole) - 22, len(whole))]:
        for bit in (0, 3, 7):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            state = backup.restore(model)
            epochs.add(state.epochs_done)
            assert len(state.best_weights) == (len(expected) if state.epochs_done else 0)
            for old, new in zip(expected, model.get_weights(), strict=True):
                np.testing.assert_array_equal(old, new)
    assert epochs == {0, 1}


@pytest.mark.parametrize("damage", ["truncated", "garbage", "other shapes"])
def test_a_backup_that_cannot_be_read_is_left_alone_and_said(tmp_path, caplog, damage):
    model = build_model(OPTIONS, 9, 10)
    backup = Backup(str(tmp_path), {})
    backup.save(model, TrainingState(epochs_done=1))
    path = pathlib.Path(backup.path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "garbage":
        path.write_bytes(b"not a backup")
    else:
        model = build_model(OPTIONS, 10, 10)
    before = values(model)
    assert backup.restore(model).epochs_done == 0
    assert "cannot be used" in caplog.text
    for old, new in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(old, new)
