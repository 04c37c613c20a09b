"""A training that is killed goes on where it was, and ends as if it had never been killed."""

import dataclasses
import json
import pathlib
import shutil
import signal
import subprocess

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.programs import program
from tfx_lm import progress
from tfx_lm.components.trainer import callbacks
from tfx_lm.components.trainer.backup import Backup, TrainingState
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions


def document(fn_args):
    return json.loads((pathlib.Path(fn_args.model_run_dir) / "training.json").read_text())


def exported(fn_args):
    """The exported weights, by name."""
    return tf.saved_model.load(fn_args.serving_model_dir).parameters


@pytest.fixture
def not_exported(monkeypatch):
    """A mapping that gets the weights which `run_fn` would export, by name; to export takes as long as to train."""
    weights = {}

    def keep(model, *rest):
        served = model.for_serving()
        prefix = f"{served.name}/"
        weights.update({weight.path.removeprefix(prefix): weight.numpy() for weight in served.weights})

    monkeypatch.setattr("tfx_lm.components.trainer.run_fn.export_model", keep)
    return weights


def assert_ends_alike(resumed, through):
    """Compares `training.json` of a resumed training with that of one that ran through."""
    assert resumed["resumed_after_epoch"] == 2
    for mine, other in zip(resumed["epochs"], through["epochs"], strict=True):
        for name in ("epoch", "loss", "validation_loss", "tokens", "learning_rate"):
            assert mine[name] == pytest.approx(other[name], rel=1e-4)


def assert_same_weights(mine, others):
    assert mine.keys() == others.keys()
    for name, value in others.items():
        np.testing.assert_allclose(mine[name], value, rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def through(trained):
    """What a training that nothing ended has exported."""
    return exported(trained)


@pytest.fixture(scope="module")
def backups(corpus, tmp_path_factory, forked_python):
    """The folder of a killed training's backup, and of those that it had before; see `train_until_killed`."""
    folder = tmp_path_factory.mktemp("killed")
    killed = corpus.fn_args(folder / "killed", backup_directory=folder / "backup")
    command = program("train_until_killed", json.dumps(vars(killed)), python=forked_python)
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert len(document(killed)["epochs"]) == 2
    assert not pathlib.Path(killed.serving_model_dir).exists()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("place", ["between epochs", "within an epoch"])
def test_a_killed_training_ends_like_one_that_ran_through(
    place, backups, trained, through, corpus, tmp_path, not_exported
):
    kept = backups / place
    assert len(list(kept.iterdir())) == 1
    # TFX gives the next attempt other folders.
    resumed = corpus.fn_args(tmp_path, backup_directory=kept)
    run_fn(resumed)
    found = document(resumed)
    assert (found["resumed_after_batch"] >= found["train"]["batches"] / 3) == (place == "within an epoch")
    assert_ends_alike(found, document(trained))
    assert_same_weights(not_exported, through)
    assert not list(kept.iterdir())


@pytest.mark.slow
def test_a_training_that_is_killed_in_its_validation_exports_the_same(backups, trained, through, corpus, tmp_path):
    assert len(list((backups / "backup").iterdir())) == 1
    resumed = corpus.fn_args(tmp_path, backup_directory=backups / "backup")
    run_fn(resumed)
    found = document(resumed)
    assert found["resumed_after_batch"] == found["train"]["batches"] - 1
    assert_ends_alike(found, document(trained))
    assert_same_weights(exported(resumed), through)
    assert not list((backups / "backup").iterdir())


@pytest.mark.slow
def test_a_training_without_averages_resumes_as_well(corpus, tmp_path, not_exported, monkeypatch):
    monkeypatch.setattr(callbacks, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(callbacks, "BACKUP_EVERY", 0.0)
    kept, copied = tmp_path / "backup", tmp_path / "its copy"

    def copy(text, fraction):
        # After 2 epochs and at least a third of the next one: the backup that a killed process would leave.
        if text.startswith("epoch 3/") and text.endswith("tokens/s") and fraction > 2.4 / 5 and not copied.exists():
            shutil.copytree(kept, copied)

    ran_through = corpus.fn_args(tmp_path / "through", backup_directory=kept, ema_momentum=0.0)
    resumed = corpus.fn_args(tmp_path / "resumed", backup_directory=copied, ema_momentum=0.0)
    with progress.listening(copy):
        run_fn(ran_through)
    expected = dict(not_exported)
    not_exported.clear()
    (backup,) = copied.iterdir()
    assert len(json.loads(np.load(backup)["facts"].tobytes())["corpus"]) == 16
    run_fn(resumed)
    found = document(resumed)
    assert found["resumed_after_batch"] >= found["train"]["batches"] / 3
    assert_ends_alike(found, document(ran_through))
    assert_same_weights(not_exported, expected)
    assert not list(copied.iterdir())


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


def test_a_training_of_another_corpus_in_the_same_files_is_not_resumed(tmp_path, caplog):
    """As where ML Metadata starts at 1 again, and with it the numbers in the paths of the examples."""
    model = build_model(OPTIONS, 9, 10)
    backup, before = Backup(str(tmp_path), {}), values(model)
    assert backup.restore(model, "old").corpus == "old"
    model.set_weights([weight + 1 for weight in model.get_weights()])
    backup.save(model, TrainingState(epochs_done=1, corpus="old"))
    other = build_model(OPTIONS, 9, 10)
    other.set_weights(before[: len(other.get_weights())])
    state = backup.restore(other, "new")
    assert (state.epochs_done, state.corpus) == (0, "new")
    assert "it is of another corpus" in caplog.text
    for old, new in zip(before, values(other), strict=True):
        np.testing.assert_array_equal(old, new)
    assert backup.restore(other, "old").epochs_done == 1
    # An earlier release did not record it.
    backup.save(model, TrainingState(epochs_done=1))
    state = backup.restore(other, "new")
    assert (state.epochs_done, state.corpus) == (1, "new")


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
