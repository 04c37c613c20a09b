"""Sums of files, on this machine and on file systems that TensorFlow reads."""

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
    assert file_sums(folder, ["inner/b", "c"]) == {"inner/b": B}


def test_damage(folder):
    assert damaged_file(folder, {"inner/b": B}) is None
    assert damaged_file(folder, {"a": A, "c": B}) == "c is missing"
    assert damaged_file(folder, {"a": B}) == "a has changed since it was written"


def test_a_single_file(tmp_path):
    (tmp_path / "value").write_text("a")
    assert file_sums(str(tmp_path / "value")) == {".": A}
    (tmp_path / "value").write_text("b")
    assert damaged_file(str(tmp_path / "value"), {".": A}) == "the file has changed since it was written"
    (tmp_path / "value").unlink()
    assert damaged_file(str(tmp_path / "value"), {".": A}) == "the file is missing"
