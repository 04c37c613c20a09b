"""The atomic writer, on local paths and on TensorFlow's file system in memory."""

import fcntl
import os
import time

import pytest
import tensorflow as tf
from helpers.disk_events import note_disk_events
from tfx_lm import atomic_file
from tfx_lm.file_lock import host_mark


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def read(uri):
    with tf.io.gfile.GFile(uri, "rb") as file:
        return file.read()


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    file = tmp_path / "new" / "folder" / "a.json"
    atomic_file.write_text(file, "first")
    atomic_file.write_text(str(file), "zweite Größe")
    assert file.read_bytes() == "zweite Größe".encode()
    assert names(file.parent) == ["a.json"]


def test_the_umask_decides_who_may_read(tmp_path):
    before = os.umask(0o027)
    try:
        atomic_file.write_bytes(tmp_path / "a", b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_content_is_on_disk_before_the_rename_and_the_name_after_it(tmp_path, monkeypatch):
    events = note_disk_events(monkeypatch)
    atomic_file.write_bytes(tmp_path / "a", b"1")
    assert events == [(tmp_path / "a").stat().st_ino, "replace", tmp_path.stat().st_ino]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic_file.write_bytes(tmp_path / "folder", b"1")
    atomic_file.write_bytes(tmp_path / "a", b"old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        atomic_file.write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a", "folder"]


def test_what_killed_writers_left_is_removed_and_what_others_write_stays(tmp_path):
    (tmp_path / f".a.json.{host_mark()}-0011aabb.unfinished").write_text("half of")
    (tmp_path / ".hidden").touch()
    locked = f".b.json.{host_mark()}-0011aabb.unfinished"
    with (tmp_path / locked).open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        atomic_file.write_text(tmp_path / "a.json", "1")
    assert names(tmp_path) == [locked, ".hidden", "a.json"]


@pytest.mark.parametrize(("seconds", "stays"), [(3600.0, True), (48 * 3600.0, False)])
def test_what_a_writer_of_another_host_left_stays_for_a_day(tmp_path, seconds, stays):
    other = tmp_path / ".b.json.another0-0011aabb.unfinished"
    other.touch()
    os.utime(other, (time.time() - seconds,) * 2)
    atomic_file.write_text(tmp_path / "a.json", "1")
    assert other.exists() == stays


@pytest.mark.parametrize("name", [".letter.unfinished", ".letter.to-anna.unfinished", ".0011aabb-0011aabb.unfinished"])
def test_a_file_of_a_user_stays_however_old_it_is(tmp_path, name):
    (tmp_path / name).write_text("mine")
    os.utime(tmp_path / name, (0, 0))
    atomic_file.write_text(tmp_path / "a.json", "1")
    assert names(tmp_path) == [name, "a.json"]


def test_a_leftover_that_cannot_be_removed_stays_and_is_not_locked(tmp_path, monkeypatch):
    left = tmp_path / f".a.json.{host_mark()}-0011aabb.unfinished"
    left.touch()
    unlink = atomic_file.Path.unlink

    def refuse(path, **options):
        if path == left:
            raise PermissionError("not yours")
        unlink(path, **options)

    monkeypatch.setattr(atomic_file.Path, "unlink", refuse)
    atomic_file.write_text(tmp_path / "a.json", "1")
    assert names(tmp_path) == [left.name, "a.json"]
    with left.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_uri_is_replaced_and_nothing_else_is_left():
    atomic_file.write_bytes("ram://atomic/folder/a", b"first")
    atomic_file.write_text("ram://atomic/folder/a", "second")
    assert read("ram://atomic/folder/a") == b"second"
    assert tf.io.gfile.listdir("ram://atomic/folder") == ["a"]


def test_a_file_is_removed_with_what_killed_writers_left(tmp_path):
    left, of_another = ".a.npz.0011aabb-0011aabb.unfinished", ".b.npz.0011aabb-0011aabb.unfinished"
    own = ".a.npz.mine.unfinished"
    for name in ("a.npz", left, "b.npz", of_another, ".a.npz", own):
        (tmp_path / name).touch()
    atomic_file.remove(str(tmp_path / "a.npz"))
    assert names(tmp_path) == [".a.npz", own, of_another, "b.npz"]
    atomic_file.remove(str(tmp_path / "no folder" / "a"))
    atomic_file.write_bytes("ram://removed/a", b"1")
    atomic_file.remove("ram://removed/a")
    assert not tf.io.gfile.exists("ram://removed/a")
