"""Equal models are equal files, in whichever process and folder they were made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import tensorflow as tf
from helpers.programs import program
from helpers.programs.export_untrained import export_untrained

FILES = {
    "saved_model.pb", "fingerprint.pb", "assets/vocabulary", "assets.extra/tfx_lm.json",
    "variables/variables.index", "variables/variables.data-00000-of-00001",
}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_equal_models_are_equal_files(corpus, tmp_path):
    shutil.copytree(corpus.transform_output, tmp_path / "another transform")
    command = program("export_untrained", tmp_path / "another transform", tmp_path / "there")
    process = subprocess.Popen(command, env={**os.environ, "PYTHONHASHSEED": "1"}, stderr=subprocess.DEVNULL)
    # As after a training that was resumed: TensorFlow's counter of functions is further on.
    for _ in range(7):
        tf.function(lambda: tf.constant(1)).get_concrete_function()
    export_untrained(corpus.transform_output, str(tmp_path / "here"))
    assert process.wait(300) == 0

    here, there = contents(tmp_path / "here"), contents(tmp_path / "there")
    assert here.keys() == there.keys() == FILES
    assert [name for name in sorted(here) if here[name] != there[name]] == []
    for folder in (corpus.transform_output, str(tmp_path)):
        assert folder.encode() not in here["saved_model.pb"]

    export_untrained(corpus.transform_output, str(tmp_path / "other"), seed=4)
    other = contents(tmp_path / "other")
    # The fingerprint has a checksum of the weights.
    assert [name for name in sorted(here) if here[name] != other[name]] == [
        "fingerprint.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]
