"""TensorFlow's import in commands that only read exported models."""

import json
import os
import subprocess

import pytest
from helpers.programs import program


@pytest.mark.slow
def test_keras_is_not_imported_with_tensorflow_and_can_be_later():
    # TensorFlow Transform sets it for this process and all that it starts.
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(program("quiet_tensorflow_alone"), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["tensorflow"], ["keras"], True, "Adam"]
