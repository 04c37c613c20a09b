"""A training that starts from an exported model, as TFX calls `run_fn` with a `base_model`."""

import json
import pathlib
import shutil

import pytest
from tfx_lm.components.trainer.callbacks import SaveBackup
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.components.trainer.start import EXAMPLES, STARTED_FROM, start_of_run
from tfx_lm.components.trainer.started_from import read_started_from
from tfx_lm.errors import SettingError
from tfx_lm.exported.training_origin import read_training_origin

pytestmark = pytest.mark.slow


def document(fn_args) -> dict:
    return json.loads((pathlib.Path(fn_args.model_run_dir) / "training.json").read_text())


def artifact(trained, folder: pathlib.Path) -> str:
    """The model as the artifact of an earlier Trainer; what TFX makes of it as `base_model`."""
    shutil.copytree(trained.serving_model_dir, folder / "artifact" / "Format-Serving")
    return str(folder / "artifact" / "Format-Serving")


def test_it_goes_on_where_the_model_was_also_after_a_kill(corpus, trained, tmp_path, monkeypatch):
    best = min(epoch["validation_loss"] for epoch in document(trained)["epochs"])
    fn_args = corpus.fn_args(tmp_path, backup_directory=tmp_path / "backup", epochs=2, learning_rate=1e-6)
    fn_args.base_model = artifact(trained, tmp_path)
    fn_args.custom_config |= {STARTED_FROM: "/serving/7", EXAMPLES: "0123"}

    save = SaveBackup.on_epoch_end

    def save_and_die(self, epoch, logs):
        save(self, epoch, logs)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(SaveBackup, "on_epoch_end", save_and_die)
        with pytest.raises(InterruptedError):
            run_fn(fn_args)
    assert len(list((tmp_path / "backup").iterdir())) == 1
    run_fn(fn_args)
    found = document(fn_args)
    assert found["resumed_after_epoch"] == 1
    assert [epoch["validation_loss"] for epoch in found["epochs"]] == pytest.approx([best, best], rel=0.02)
    assert found["started_from"] == {"model": "/serving/7", "new_words": 0}
    assert str(read_started_from(fn_args.model_run_dir)) == "Started from /serving/7 (0 new words)."
    assert read_training_origin(fn_args.serving_model_dir).examples == "0123"
    assert not list((tmp_path / "backup").iterdir())


def test_without_a_base_model_nothing_is_said(trained):
    assert document(trained)["started_from"] is None
    assert read_started_from(trained.model_run_dir) is None


def stop(*arguments):
    raise InterruptedError(arguments[-1])


def start_of(fn_args, monkeypatch):
    monkeypatch.setattr("tfx_lm.components.trainer.run_fn.train", stop)
    with pytest.raises(InterruptedError) as caught:
        run_fn(fn_args)
    return caught.value.args[0]


@pytest.mark.parametrize("told_by", ["empty folder", "property"])
def test_nothing_served_yet_is_a_start_from_new_weights(corpus, tmp_path, monkeypatch, told_by):
    fn_args = corpus.fn_args(tmp_path)
    if told_by == "property":
        fn_args.custom_config[STARTED_FROM] = ""
    else:
        (tmp_path / "artifact").mkdir()
        fn_args.base_model = str(tmp_path / "artifact" / "Format-Serving")
    assert start_of(fn_args, monkeypatch).assign(None) == {"model": "", "new_words": 0}


def test_an_importer_of_a_pushed_version_is_its_model(corpus, trained, tmp_path, monkeypatch):
    """TFX names a folder within the artifact, in which an earlier Trainer would have its model."""
    folder = pathlib.Path(artifact(trained, tmp_path))
    version = folder.rename(tmp_path / "7")
    fn_args = corpus.fn_args(tmp_path)
    fn_args.base_model = str(version / "Format-Serving")
    start = start_of_run(fn_args)
    assert start == {"path": str(version), "asked": True, "name": str(version), "examples": "", "from_model": True}
    assert start_of(fn_args, monkeypatch).identity() != {}


def test_a_backup_belongs_to_its_start(corpus, trained, tmp_path, monkeypatch):
    fn_args = corpus.fn_args(tmp_path)
    fresh = start_of(fn_args, monkeypatch).identity()
    fn_args.base_model = artifact(trained, tmp_path)
    first = start_of(fn_args, monkeypatch).identity()
    index = pathlib.Path(fn_args.base_model) / "assets" / "vocabulary"
    index.write_bytes(index.read_bytes().replace(b"zebra", b"horse"))
    other = start_of(fn_args, monkeypatch).identity()
    assert fresh == {}
    assert first != other != {}


def test_a_base_model_that_is_none_is_refused_before_any_work(corpus, tmp_path):
    fn_args = corpus.fn_args(tmp_path)
    fn_args.base_model = str(tmp_path / "nowhere" / "Format-Serving")
    with pytest.raises(SettingError, match=r"^base_model=.*nowhere/Format-Serving: holds no model; give an artifact"):
        run_fn(fn_args)


def test_a_base_model_of_another_shape_is_refused(corpus, trained, tmp_path):
    fn_args = corpus.fn_args(tmp_path, units=8)
    fn_args.base_model = artifact(trained, tmp_path)
    with pytest.raises(SettingError, match=r"has units=24, and the new model units=8; set units=24, or leave base_mod"):
        run_fn(fn_args)
