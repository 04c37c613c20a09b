"""Questions to a file system: an object store is asked about many files at once."""

import threading
from types import SimpleNamespace

import pytest
from tfx.dsl.io import fileio
from tfx_lm.components.text_example_gen.answers import answers
from tfx_lm.components.text_example_gen.files import Pattern, files_of_splits, fingerprint_of_names
from tfx_lm.components.text_example_gen.reading import read_files
from tfx_lm.components.text_example_gen.stored_sizes import stored_sizes
from tfx_lm.text_files.options import RecordOptions

NAMES = [f"gs://bucket/part-{number:02}" for number in range(16)]


@pytest.fixture
def wait_for_all():
    """Returns once all files are asked about: never, if one is asked about after the other."""
    together = threading.Barrier(len(NAMES), timeout=60)
    return lambda: together.wait()


@pytest.fixture
def bucket(monkeypatch, wait_for_all):
    """An object store of 16 files or folders, which answers when all of them are asked about."""

    def stat(path):
        wait_for_all()
        return SimpleNamespace(length=NAMES.index(path), mtime_nsec=0)

    def is_folder(path):
        wait_for_all()
        return path in NAMES

    monkeypatch.setattr(fileio, "stat", stat)
    monkeypatch.setattr(fileio, "isdir", is_folder)
    monkeypatch.setattr(fileio, "glob", lambda pattern: NAMES)


def test_remote_files_are_asked_about_at_once_and_local_ones_by_this_thread(wait_for_all):
    def ask(path):
        wait_for_all()
        return path[-2:]

    assert answers(ask, NAMES) == [f"{number:02}" for number in range(16)]
    assert answers(lambda path: threading.get_ident(), ["/a", "/b"]) == [threading.get_ident()] * 2
    assert answers(ask, []) == []


@pytest.mark.parametrize("folder", ["gs://bucket", "/folder"])
def test_the_error_is_that_of_the_first_path_with_one(folder):
    def ask(path):
        if path[-1] in "35":
            raise ValueError(path)

    with pytest.raises(ValueError, match=f"^{folder}/3$"):
        answers(ask, [f"{folder}/{number}" for number in range(8)])


@pytest.mark.usefixtures("bucket")
def test_sizes():
    assert stored_sizes(NAMES) == list(range(16))


@pytest.mark.usefixtures("bucket")
def test_the_sizes_that_text_example_gen_asks_for():
    read_files([("train", path) for path in NAMES], RecordOptions())


@pytest.mark.usefixtures("bucket")
def test_folders(monkeypatch):
    monkeypatch.setattr(fileio, "glob", lambda pattern: [*NAMES, "gs://bucket/a.txt"])
    assert files_of_splits([Pattern("train", "train", "gs://bucket/*")]).files == [("train", "gs://bucket/a.txt")]


@pytest.mark.usefixtures("bucket")
def test_sizes_and_times_of_a_fingerprint():
    assert fingerprint_of_names([Pattern("train", "train", "gs://bucket/*")], in_examples=True).startswith(",names:")


@pytest.mark.parametrize("error", [OSError, fileio.NotFoundError])
def test_a_file_that_cannot_be_read_has_no_size(monkeypatch, error):
    def stat(path):
        if path == NAMES[1]:
            raise error(path)
        return SimpleNamespace(length=7)

    monkeypatch.setattr(fileio, "stat", stat)
    assert stored_sizes(NAMES[:3]) == [7, 0, 7]


def test_sizes_of_local_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"abc")
    (tmp_path / "b.txt").write_bytes(b"")
    assert stored_sizes([str(tmp_path / name) for name in ("a.txt", "none.txt", "b.txt")]) == [3, 0, 0]
