import shutil

from tfx_lm.components.serving.versions import complete_versions, is_complete


def test_the_newest_complete_version_comes_first(uniform_model, tmp_path):
    for name in ("9", "10", "11.tmp", "12"):
        shutil.copytree(uniform_model, tmp_path / name)
    (tmp_path / "12" / "saved_model.pb").unlink()
    assert complete_versions(str(tmp_path)) == [f"{tmp_path}/10", f"{tmp_path}/9"]
    assert is_complete(f"{tmp_path}/9")
    assert not is_complete(f"{tmp_path}/12")


def test_no_folder_holds_no_version(tmp_path):
    assert complete_versions(str(tmp_path / "nowhere")) == []
