import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from helpers.complete_versions import complete_versions
from tfx_lm.exported import damage
from tfx_lm.exported.damage import FILE, is_complete, write_sums
from tfx_lm.exported.rollback import RollbackError, rollback
from tfx_lm.exported.versions import (
    VersionNumberError,
    is_version,
    list_versions,
    push,
)


def test_the_newest_complete_version_comes_first(uniform_model, tmp_path):
    for name in ("9", "10", "11.tmp", "12"):
        shutil.copytree(uniform_model, tmp_path / name)
    (tmp_path / "12" / "saved_model.pb").unlink()
    assert complete_versions(str(tmp_path)) == [f"{tmp_path}/10", f"{tmp_path}/9"]
    assert is_complete(f"{tmp_path}/9")
    assert not is_complete(f"{tmp_path}/12")


def test_a_name_that_is_too_long_is_no_folder(tmp_path):
    with pytest.raises(RollbackError, match="no such folder; give the folder of all versions"):
        rollback(tmp_path / ("x" * 300))


def test_a_rollback_leaves_nothing_in_a_folder_that_holds_no_version(uniform_model, tmp_path):
    for name in ("6", "7"):
        shutil.copytree(uniform_model, tmp_path / "serving" / name)
    before = sorted((tmp_path / "serving").rglob("*"))
    version = tmp_path / "serving" / "7"
    for to in (None, 6):
        with pytest.raises(RollbackError) as refused:
            rollback(version, to)
        assert str(refused.value) == (
            f"{version}: holds no version; it is a version itself: give the folder of all versions, {version.parent}"
        )
    with pytest.raises(RollbackError, match=r": holds no version; give the folder of all versions, such as OUTPUT/ser"):
        rollback(tmp_path)
    assert sorted((tmp_path / "serving").rglob("*")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["serving"]


def test_a_rollback_after_all_versions_were_withdrawn_says_how_to_serve_one_again(tmp_path):
    for name in ("withdrawn-9", "withdrawn-10"):
        (tmp_path / name).mkdir()
    with pytest.raises(RollbackError, match=r"are withdrawn: rename withdrawn-10 to 10 to serve it again$"):
        rollback(tmp_path)


def test_no_folder_holds_no_version(tmp_path):
    assert complete_versions(str(tmp_path / "nowhere")) == []


def test_object_storage(uniform_model):
    """TensorFlow's own in-memory files, which have a scheme and no folders, stand in for it."""
    for name in ("saved_model.pb", "variables/variables.index"):
        tf.io.gfile.makedirs("ram://bucket/serving/3/variables")
        tf.io.gfile.copy(f"{uniform_model}/{name}", f"ram://bucket/serving/3/{name}")
    assert complete_versions("ram://bucket/serving") == ["ram://bucket/serving/3"]


def test_a_number_that_no_server_can_hold_is_no_version(tmp_path):
    assert is_version("007")
    assert is_version("9223372036854775807")
    for name in ("9223372036854775808", "-1", "1.5", "\uff18", "", "7.tmp"):
        assert not is_version(name)
    (tmp_path / "99999999999999999999").mkdir()
    assert list_versions(tmp_path) == []
    # Otherwise the next version would be one that TensorFlow Serving does not see.
    assert int(push(tmp_path, lambda folder: None).name) < 10**12


def test_beyond_the_highest_number_nothing_is_pushed(tmp_path):
    (tmp_path / "9223372036854775807").mkdir()
    with pytest.raises(
        VersionNumberError, match=r"the highest number that a server reads, 9223372036854775807, .* rename"
    ):
        push(tmp_path, lambda folder: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "9223372036854775807"]


def test_a_version_lacks_a_part_of_its_variables(uniform_model, tmp_path):
    shutil.copytree(uniform_model, tmp_path / "7")
    assert is_complete(f"{tmp_path}/7")
    (data,) = (tmp_path / "7" / "variables").glob("variables.data-*")
    data.rename(data.with_name("variables.data-00001-of-00002"))
    assert not is_complete(f"{tmp_path}/7")


def test_files_beside_the_variables_do_not_make_a_version_incomplete(uniform_model, tmp_path):
    shutil.copytree(uniform_model, tmp_path / "7")
    for name in ("variables.data-00000-of-00001.tempstate12345", "variables.data-00000-of-00001~"):
        (tmp_path / "7" / "variables" / name).touch()
    assert is_complete(f"{tmp_path}/7")


def test_a_version_that_is_removed_while_it_is_looked_at(uniform_model, tmp_path, monkeypatch):
    shutil.copytree(uniform_model, tmp_path / "7")
    exists = damage._exists

    def exists_for_the_last_time(file):
        there = exists(file)
        if file.endswith("variables.index"):
            shutil.rmtree(tmp_path / "7")
        return there

    monkeypatch.setattr(damage, "_exists", exists_for_the_last_time)
    assert not is_complete(f"{tmp_path}/7")


def test_versions_with_zeros_before_their_number_are_rolled_back(uniform_model, tmp_path):
    for name in ("6", "007"):
        shutil.copytree(uniform_model, tmp_path / name)
    assert rollback(tmp_path) == (tmp_path / "6", [tmp_path / "withdrawn-007"])
    # One version, and not two.
    (tmp_path / "06").mkdir()
    with pytest.raises(RollbackError, match="nothing to roll back to"):
        rollback(tmp_path)


@pytest.fixture
def serving(uniform_model, tmp_path):
    """Versions 5, 6 and 7, whole."""
    for name in ("5", "6", "7"):
        shutil.copytree(uniform_model, tmp_path / name)
        write_sums(str(tmp_path / name))
    return tmp_path


def cut_off_a_variable(version):
    (data,) = (version / "variables").glob("variables.data-*")
    data.write_bytes(data.read_bytes()[:-1])


def test_a_damaged_version_is_none_of_those_that_a_push_keeps(serving):
    cut_off_a_variable(serving / "6")
    first = push(serving, lambda folder: shutil.copytree(serving / "7", folder, dirs_exist_ok=True), keep=3)
    assert list_versions(serving) == [5, 6, 7, int(first.name)]
    second = push(serving, lambda folder: shutil.copytree(serving / "7", folder, dirs_exist_ok=True), keep=2)
    assert list_versions(serving) == [int(first.name), int(second.name)]


def test_nobody_goes_back_to_a_damaged_version(serving):
    cut_off_a_variable(serving / "6")
    before = sorted(serving.iterdir())
    with pytest.raises(RollbackError, match=r"/6: is damaged \(variables/variables.data-\S+ has changed .* an older"):
        rollback(serving)
    assert [path for path in sorted(serving.iterdir()) if path.name != ".lock"] == before
    assert rollback(serving, to=5)[0] == serving / "5"


def test_sums_of_a_version_that_cannot_be_read_stop_a_rollback(serving):
    (serving / "6" / FILE).unlink()
    (serving / "6" / FILE).mkdir()
    with pytest.raises(RollbackError, match=r"/6: cannot be read \(.*Is a directory.*\), .*; make it readable, or go"):
        rollback(serving)


def test_nobody_goes_back_to_a_version_that_is_half_copied(serving):
    (serving / "6" / "saved_model.pb").unlink()
    with pytest.raises(RollbackError, match=r"/6: is damaged \(a file is missing: saved_model.pb, "):
        rollback(serving)


def test_a_version_that_was_withdrawn_before_is_not_withdrawn_over_it(serving):
    rollback(serving)
    shutil.copytree(serving / "withdrawn-7", serving / "7")
    shutil.copytree(serving / "7", serving / "8")
    before = sorted(serving.iterdir())
    with pytest.raises(
        RollbackError, match=r"/withdrawn-7: is there already, so that nothing was withdrawn; remove or"
    ):
        rollback(serving, to=6)
    assert sorted(serving.iterdir()) == before
    (serving / "withdrawn-7").rename(serving / "old")
    assert rollback(serving, to=6) == (serving / "6", [serving / "withdrawn-8", serving / "withdrawn-7"])


def test_a_rollback_that_the_system_refuses_halfway_withdraws_nothing(serving, monkeypatch):
    """As in a folder with a sticky bit, where each user may rename only their own versions."""
    rename = Path.rename

    def refuse(self, target):
        if self.name == "6":
            raise PermissionError(1, "Operation not permitted", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        rollback(serving, to=5)
    assert list_versions(serving) == [5, 6, 7]
