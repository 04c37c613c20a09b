"""Versions that appear half-copied, broken, as links, or vanish: the newest that can be loaded is served."""

import contextlib
import gc
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from helpers.waiting import wait_for
from tfx_lm.server import model_versions
from tfx_lm.server.model_versions import ModelVersions

pytestmark = pytest.mark.slow

DATA = "variables/variables.data-00000-of-00001"


@pytest.fixture
def watch(tmp_path):
    """A function that watches a folder, and the folders of the versions that could not be loaded."""
    watched, failed = [], []

    def start(poll_seconds=0.05):
        watched.append(ModelVersions(str(tmp_path), poll_seconds, on_failure=failed.append))
        return watched[-1], failed

    yield start
    for each in watched:
        each.close()
    gc.unfreeze()


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


BREAK = {
    "4": lambda folder: cut(folder / DATA),
    "5": lambda folder: flip(folder / DATA),
    "6": lambda folder: cut(folder / "saved_model.pb"),
    "7": lambda folder: (folder / "saved_model.pb").write_bytes(b""),
    "8": lambda folder: (folder / DATA).unlink(),
    "9": lambda folder: cut(folder / "variables" / "variables.index"),
    "10": lambda folder: (folder / "saved_model.pb").unlink(),
}


def test_the_newest_version_that_can_be_loaded_is_served_from_the_start(bigram_model, tmp_path, watch, caplog, faults):
    shutil.copytree(bigram_model, tmp_path / "3")
    for number, break_it in BREAK.items():
        shutil.copytree(bigram_model, tmp_path / number)
        break_it(tmp_path / number)
        faults.bad_input()
    (tmp_path / "11").symlink_to(tmp_path / "nowhere")
    (tmp_path / "12").symlink_to(tmp_path / "12")
    (tmp_path / "13").symlink_to(tmp_path)
    watched, failed = watch()
    assert watched.current.version == 3
    # Those without one of the two files that a model needs are passed over as unfinished, without a word.
    assert failed == [str(tmp_path / number) for number in ("9", "8", "7", "6", "5", "4")]
    lines = [record.getMessage() for record in caplog.records if record.name == model_versions.__name__]
    assert [folder in line for folder, line in zip(failed, lines, strict=True)] == [True] * 6
    assert all(line.endswith("; version 3 is served") and "\n" not in line for line in lines)
    faults.printed(caplog.text)


def test_if_no_version_can_be_loaded_the_newest_ones_reason_is_said(bigram_model, tmp_path):
    for number in ("4", "5"):
        shutil.copytree(bigram_model, tmp_path / number)
        BREAK[number](tmp_path / number)
    with pytest.raises(ValueError, match=r"5: cannot be loaded .*\(1 older versions cannot be loaded either\)$"):
        ModelVersions(str(tmp_path))


def test_a_copy_under_way_is_taken_once_it_is_whole(bigram_model, tmp_path, watch):
    shutil.copytree(bigram_model, tmp_path / "1")
    watched, failed = watch()
    shutil.copytree(bigram_model, tmp_path / ".2")
    whole = (tmp_path / ".2" / DATA).read_bytes()
    (tmp_path / ".2" / DATA).write_bytes(whole[:10])
    (tmp_path / ".2").rename(tmp_path / "2")
    # It stands still for so long that it is tried.
    wait_for(lambda: failed)
    assert watched.current.version == 1
    (tmp_path / "2" / DATA).write_bytes(whole)
    wait_for(lambda: watched.current.version == 2)


def test_what_failed_for_another_reason_than_its_files_is_tried_again(bigram_model, tmp_path, watch, monkeypatch):
    shutil.copytree(bigram_model, tmp_path / "1")
    watched, failed = watch()
    monkeypatch.setattr(model_versions, "_RETRY_SECONDS", 0.1)
    served_model = model_versions.ServedModel

    def too_many_open_files(folder):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(model_versions, "ServedModel", too_many_open_files)
    shutil.copytree(bigram_model, tmp_path / "2")
    wait_for(lambda: len(failed) > 1)
    assert watched.current.version == 1
    monkeypatch.setattr(model_versions, "ServedModel", served_model)
    wait_for(lambda: watched.current.version == 2)


def test_a_served_version_whose_files_change_is_loaded_again(bigram_model, uniform_model, tmp_path, watch):
    (tmp_path / "1").symlink_to(bigram_model)
    watched, failed = watch()
    before = watched.current
    # A link that is set to another model, as some tools deploy.
    (tmp_path / ".1").symlink_to(uniform_model)
    (tmp_path / ".1").rename(tmp_path / "1")
    wait_for(lambda: watched.current is not before)
    assert (watched.current.version, failed) == (1, [])


def test_a_served_version_whose_files_are_damaged_stays(bigram_model, tmp_path, watch, monkeypatch):
    for number in ("1", "2"):
        shutil.copytree(bigram_model, tmp_path / number)
    watched, failed = watch()
    before = watched.current
    monkeypatch.setattr(model_versions, "_RETRY_SECONDS", 0.1)
    cut(tmp_path / "2" / DATA)
    # Time enough to look at the older one.
    wait_for(lambda: len(failed) > 2)
    assert watched.current is before
    shutil.copy(bigram_model + "/" + DATA, tmp_path / "2" / DATA)
    wait_for(lambda: watched.current is not before)
    assert watched.current.version == 2


def test_versions_that_vanish(bigram_model, tmp_path, watch):
    for number in ("1", "2", "3"):
        shutil.copytree(bigram_model, tmp_path / number)
    watched, failed = watch()
    assert watched.current.version == 3
    # Each at once: between two of its files, it could be looked at twice and be taken for damaged.
    (tmp_path / "2").rename(tmp_path / ".2")
    (tmp_path / "3").rename(tmp_path / ".3")
    wait_for(lambda: watched.current.version == 1)
    (tmp_path / "1").rename(tmp_path / ".1")
    # The last one stays in memory.
    shutil.copytree(bigram_model, tmp_path / ".4")
    (tmp_path / ".4").rename(tmp_path / "4")
    wait_for(lambda: watched.current.version == 4)
    assert failed == []


@contextlib.contextmanager
def unreadable(monkeypatch, *folders):
    """The system refuses to read these folders, as it does to others than root, as which the tests may run."""
    exists, listdir = Path.exists, tf.io.gfile.listdir

    def is_refused(path):
        return any(Path(path).is_relative_to(folder) for folder in folders)

    def exists_if_allowed(path):
        if is_refused(path):
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path)

    def list_if_allowed(path):
        if is_refused(path):
            raise tf.errors.PermissionDeniedError(None, None, f"{path}; Permission denied")
        return listdir(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", exists_if_allowed)
        patch.setattr(tf.io.gfile, "listdir", list_if_allowed)
        yield


def test_versions_that_cannot_be_read_are_passed_over(bigram_model, tmp_path, watch, monkeypatch, caplog):
    for number in ("1", "2", "3"):
        shutil.copytree(bigram_model, tmp_path / number)
    with unreadable(monkeypatch, tmp_path / "1", tmp_path / "3"):
        watched, failed = watch()
        assert (watched.current.version, failed) == (2, [str(tmp_path / "3")])
    lines = [record.getMessage() for record in caplog.records if record.name == model_versions.__name__]
    assert len(lines) == 1
    assert lines[0].startswith(f"{tmp_path}/3/saved_model.pb: cannot be read (Permission denied); make it readable")
    assert lines[0].endswith("; version 2 is served")
    # At once when it can be read, as its files then differ from what was seen.
    wait_for(lambda: watched.current.version == 3)


def test_a_served_version_that_cannot_be_read_any_more_stays(bigram_model, tmp_path, watch, monkeypatch):
    for number in ("1", "2"):
        shutil.copytree(bigram_model, tmp_path / number)
    watched, failed = watch()
    before = watched.current
    monkeypatch.setattr(model_versions, "_RETRY_SECONDS", 0.1)
    with unreadable(monkeypatch, tmp_path / "2"):
        # Time enough to look at the older one.
        wait_for(lambda: len(failed) > 2)
        assert watched.current is before
        shutil.copytree(bigram_model, tmp_path / ".3")
        (tmp_path / ".3").rename(tmp_path / "3")
        wait_for(lambda: watched.current.version == 3)
    assert set(failed) == {str(tmp_path / "2")}


def test_if_no_version_can_be_read_the_server_does_not_start(bigram_model, tmp_path, monkeypatch):
    for number in ("1", "2"):
        shutil.copytree(bigram_model, tmp_path / number)
    with unreadable(monkeypatch, tmp_path / "1", tmp_path / "2"):
        reason = r"/2/saved_model.pb: cannot be read .*\(1 older versions cannot be loaded either\)$"
        with pytest.raises(ValueError, match=reason):
            ModelVersions(str(tmp_path))
