"""Sums of files, on this machine and on file systems that TensorFlow reads."""

from pathlib import Path

import pytest
import tensorflow as tf
from tfx_lm.file_sums import damaged_file, file_names, file_sums

# Of the texts "a" and "b", from `printf a | sha256sum`.
A = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
B = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path):
    """A folder with `a` and `inner/b`."""
    top = str(tmp_path) if request.param == "local" else f"ram://{tmp_path.name}"
    tf.io.gfile.makedirs(f"{top}/inner")
    for name in ("a", "inner/b"):
        with tf.io.gfile.GFile(f"{top}/{name}", "w") as file:
            file.write(name[-1])
    return top


def test_names_and_sums(folder):
    assert file_names(folder) == ["a", "inner/b"]
    assert file_sums(folder) == {"a": A, "inner/b": B}


def test_damage(folder):
    assert damaged_file(folder, {"inner/b": B}) is None
    assert damaged_file(folder, {"a": A, "c": B}) == "c is missing"
    assert damaged_file(folder, {"inner/b": B, "other/b": B}) == "other/b is missing"
    assert damaged_file(folder, {"a": B}) == "a has changed since it was written"


def test_a_single_file(tmp_path):
    (tmp_path / "value").write_text("a")
    assert file_sums(str(tmp_path / "value")) == {".": A}
    (tmp_path / "value").write_text("b")
    assert damaged_file(str(tmp_path / "value"), {".": A}) == "the file has changed since it was written"
    (tmp_path / "value").unlink()
    assert damaged_file(str(tmp_path / "value"), {".": A}) == "the file is missing"


def test_a_linked_subfolder(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b").write_text("b")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").symlink_to(tmp_path / "elsewhere")
    assert damaged_file(str(tmp_path / "folder"), {"inner/b": B}) is None
    assert damaged_file(str(tmp_path / "folder"), {"inner/b": A}) == "inner/b has changed since it was written"


def test_what_has_another_kind_than_before_is_missing(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "inner").write_text("a")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name in ("a", "inner/b", "lost"):
        assert damaged_file(str(tmp_path), {name: A}) == f"{name} is missing"


def test_a_file_that_cannot_be_read_is_not_missing(tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError):
        damaged_file(str(tmp_path), {"a": A})
