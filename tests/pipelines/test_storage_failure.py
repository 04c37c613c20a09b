"""Sentences about full disks and other failures of storage, from the words of each library."""

import errno

import pytest
from tfx_lm.pipelines import storage_failure
from tfx_lm.pipelines.storage_failure import full_places
from tfx_lm.pipelines.storage_failure import storage_failure as sentence

AGAIN = "then run again: it goes on from here"


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Three folders with 50 MB free each; `places.free` sets another number of bytes."""
    free = {}

    class Usage:
        def __init__(self, place):
            self.total, self.free = 64_000_000, free.get(place, 50_000_000)

    monkeypatch.setattr(storage_failure.shutil, "disk_usage", Usage)
    folders = {name: tmp_path / name.lower() for name in ("output", "TMPDIR", "metadata")}
    for folder in folders.values():
        folder.mkdir()
    return folders, free


def test_an_error_of_python_names_the_file(places):
    folders, free = places
    free[folders["output"]] = 4096
    error = OSError(errno.ENOSPC, "No space left on device", str(folders["output"] / "summary.json"))
    assert sentence(error, folders) == (
        f"{folders['output']}/summary.json: cannot be written in output={folders['output']}: its disk is full (output: "
        f"0.0 of 64 MB free); free space there or choose another output, {AGAIN}"
    )


def test_an_error_of_tensorflow_names_the_file(places):
    folders, _ = places
    file = folders["TMPDIR"] / "with space" / "events.v2"
    wrapped = (
        "{{function_node __wrapped__CreateSummaryFileWriter_device_/job:localhost/task:0/device:CPU:0}} "
        f"{file}; No space left on device\n\tFailed to flush 1 events to {file}\n\tCould not initialize [Op:X] name: "
    )
    for text in (wrapped, f"{file}; No space left on device"):
        assert sentence(RuntimeError(text), folders).startswith(
            f"{file}: cannot be written in TMPDIR={folders['TMPDIR']}: its disk is full (TMPDIR: 50.0 of 64 MB free); "
            "free space there or set TMPDIR to another folder, "
        )


def test_an_error_of_beam_names_no_file_and_the_full_disk_is_looked_up(places):
    folders, free = places
    error = RuntimeError("OSError: [Errno 28] No space left on device [while running 'Write/WriteBundles']")
    assert sentence(error, folders).startswith(
        f"output={folders['output']} or TMPDIR={folders['TMPDIR']} or metadata={folders['metadata']}: cannot be written"
    )
    free[folders["TMPDIR"]] = 0
    assert sentence(error, folders).startswith(f"TMPDIR={folders['TMPDIR']}: cannot be written: its disk is full (")


@pytest.mark.parametrize(
    ("text", "cause"),
    [("Error when executing query: database or disk is full query: INSERT", "written: its disk is full"),
     ("attempt to write a readonly database query: UPDATE", "written: its file system is read-only"),
     ("[Errno 122] Disk quota exceeded", "written: the disk quota is used up"),
     ("[Errno 27] File too large", "written: a file became larger than is allowed (`ulimit -f` shows the limit)"),
     ("[Errno 5] Input/output error", "read or written: its disk reports an error")],
)  # fmt: skip
def test_other_causes(places, text, cause):
    folders, free = places
    free[folders["metadata"]] = 0
    assert f"cannot be {cause}" in sentence(RuntimeError(text), folders)


def test_the_cause_of_another_error_counts(places):
    folders, _ = places
    try:
        try:
            raise OSError(errno.EROFS, "Read-only file system", "/mnt/x")
        except OSError as error:
            raise KeyError("cleanup") from error
    except KeyError as error:
        expected = "/mnt/x: cannot be written: its file system is read-only (Read-only file system); make it writable, "
        assert sentence(error, folders) == expected + AGAIN


def test_other_errors_are_left_alone(places):
    folders, _ = places
    assert sentence(ValueError("units=0: must be >= 1"), folders) is None
    assert sentence(FileNotFoundError(errno.ENOENT, "No such file", "x"), folders) is None


def test_a_process_that_ended_without_a_word(places):
    folders, free = places
    assert full_places(folders) is None
    free[folders["metadata"]] = 100
    assert full_places(folders).startswith(f"metadata={folders['metadata']}: cannot be written: its disk is full (")
