import shutil

import tensorflow as tf
from tfx_lm.exported.versions import complete_versions, is_complete


def test_the_newest_complete_version_comes_first(uniform_model, tmp_path):
    for name in ("9", "10", "11.tmp", "12"):
        shutil.copytree(uniform_model, tmp_path / name)
    (tmp_path / "12" / "saved_model.pb").unlink()
    assert complete_versions(str(tmp_path)) == [f"{tmp_path}/10", f"{tmp_path}/9"]
    assert is_complete(f"{tmp_path}/9")
    assert not is_complete(f"{tmp_path}/12")


def test_no_folder_holds_no_version(tmp_path):
    assert complete_versions(str(tmp_path / "nowhere")) == []


def test_object_storage(uniform_model):
    """TensorFlow's own in-memory files, which have a scheme and no folders, stand in for it."""
    for name in ("saved_model.pb", "variables/variables.index"):
        tf.io.gfile.makedirs("ram://bucket/serving/3/variables")
        tf.io.gfile.copy(f"{uniform_model}/{name}", f"ram://bucket/serving/3/{name}")
    assert complete_versions("ram://bucket/serving") == ["ram://bucket/serving/3"]
