import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tfx_lm.exported.exported_model import load_model, newest_version, versions_to_serve


@pytest.fixture
def versions(uniform_model, tmp_path):
    """A push destination with the versions 9 and 10."""
    for version in ("9", "10"):
        shutil.copytree(uniform_model, tmp_path / version)
    return tmp_path


def test_a_versions_own_folder(versions):
    assert load_model(versions / "9").path == str(versions / "9")


def test_the_newest_version_by_number(versions):
    assert load_model(versions).path == str(versions / "10")


@pytest.mark.parametrize("missing", ["saved_model.pb", "variables/variables.index"])
def test_an_incomplete_version_is_passed_over(versions, missing):
    (versions / "10" / missing).unlink()
    (versions / "11.tmp").mkdir()
    (versions / "notes.txt").write_text("11")
    assert load_model(str(versions)).path == str(versions / "9")


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match="nowhere: no such folder; give a pushed version's folder"):
        load_model(tmp_path / "nowhere")


def test_a_file_system_that_tensorflow_lacks():
    with pytest.raises(ValueError, match=r"^nowhere://bucket/serving: cannot be read \(File system scheme 'nowhere'"):
        load_model("nowhere://bucket/serving")


def test_no_model(tmp_path):
    (tmp_path / "7").mkdir()
    with pytest.raises(ValueError, match="no SavedModel here"):
        load_model(tmp_path)


def test_a_path_that_the_system_refuses(versions, monkeypatch):
    remedy = "make it readable, or give another folder: a pushed version's or that of all versions"
    text = "the cat " * 40
    with pytest.raises(ValueError, match=rf"^{text}/saved_model\.pb: cannot be read \(File name too long\); {remedy}$"):
        load_model(text)

    def exists(path):
        if path.parent.name == "10":
            raise PermissionError(13, "Permission denied", str(path))
        return False

    monkeypatch.setattr(Path, "exists", exists)
    with pytest.raises(ValueError, match=rf"/10/saved_model\.pb: cannot be read \(Permission denied\); {remedy}$"):
        load_model(versions)


def test_an_older_version_that_the_system_refuses(versions, monkeypatch):
    exists = Path.exists

    def refuse(path):
        if path.parent.name == "9":
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", refuse)
    assert newest_version(str(versions)) == f"{versions}/10"
    # It may be the one that is served.
    assert versions_to_serve(str(versions)) == [f"{versions}/10", f"{versions}/9"]


def test_a_damaged_model(versions):
    (versions / "9" / "saved_model.pb").write_bytes(b"\xffgarbage")
    with pytest.raises(ValueError, match=r"saved_model\.pb: damaged"):
        load_model(versions / "9")


def test_another_model(tmp_path):
    module = tf.Module()
    function = tf.function(lambda text: {"length": tf.strings.length(text)})
    signature = function.get_concrete_function(tf.TensorSpec([None], tf.string, name="text"))
    module.variable = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    with pytest.raises(ValueError, match=r"has no signature `score` \(there are: serving_default\)"):
        load_model(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run[1]", "a*b", "why?", "back\\slash"])
def test_a_folder_that_tensorflow_takes_for_a_pattern(bigram_model, tmp_path, name):
    shutil.copytree(bigram_model, tmp_path / name / "1")
    model = load_model(str(tmp_path / name))
    assert model.path == str(tmp_path / name / "1")
    assert model.call("score", text=tf.constant([b"the cat"]))["tokens"].tolist() == [3]
