"""What TensorFlow sees, asked in a process of its own, and what is said if that process fails."""

import json
import sys

import pytest
from tfx_lm.model.options import TrainerOptions
from tfx_lm.pipelines.doctor import tensorflow_view
from tfx_lm.pipelines.doctor.tensorflow_view import ask_tensorflow


@pytest.fixture
def python(tmp_path, monkeypatch):
    """A function that replaces Python by a shell script."""

    def write(script: str) -> None:
        file = tmp_path / "python"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(file))

    return write


@pytest.mark.slow
def test_this_machine(forked_python, monkeypatch):
    for name in ("TF_CONFIG", "TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS", "COLAB_TPU_ADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr(sys, "executable", str(forked_python))
    seen = ask_tensorflow(TrainerOptions(precision="bfloat16", output="adaptive"))
    assert seen["problem"] is None
    assert seen["devices"] == [{"name": "CPU:0"}]
    # It would be, on a GPU.
    assert seen["lstm"] == {"cudnn": False, "eligible": True, "obstacles": []}
    assert seen["choices"]["trainer.distribution"] == {
        "value": "one_device",
        "reason": "TensorFlow sees no TPU and no GPU, TF_CONFIG no other workers",
    }
    assert seen["choices"]["trainer.precision"] == {"value": "bfloat16", "reason": "precision is set to it"}
    several = ask_tensorflow(TrainerOptions(workers=2))["choices"]
    assert several["trainer.distribution"] == {
        "value": "multi_worker",
        "reason": "trainer.workers=2 processes of this machine train",
    }
    assert several["trainer.precision"] == {"value": "float32", "reason": "it is the default"}
    assert ask_tensorflow(TrainerOptions(distribution="mirrored"))["problem"].startswith(
        "trainer.distribution=mirrored: found only CPU:0, must be several devices"
    )
    assert ask_tensorflow(TrainerOptions(distribution="tpu"))["problem"].startswith(
        "trainer.distribution=tpu: found no TPU; set TPU_NAME"
    )
    monkeypatch.setenv("TF_CONFIG", "{")
    assert ask_tensorflow(TrainerOptions())["problem"].startswith("TF_CONFIG={: JSONDecodeError")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'ImportError: libcudart' >&2; exit 1", "TensorFlow cannot be used (ImportError: libcudart); install"),
        ("exit 1", "TensorFlow cannot be used (no message)"),
        ("kill -ILL $$", "TensorFlow was ended by SIGILL (SIGILL: this processor lacks instructions"),
    ],
)
def test_a_process_that_fails(python, script, problem):
    python(script)
    assert ask_tensorflow(TrainerOptions())["problem"].startswith(problem)


def test_a_process_that_hangs(python, monkeypatch):
    python("exec sleep 600")
    monkeypatch.setattr(tensorflow_view, "SECONDS", 0.1)
    problem = ask_tensorflow(TrainerOptions())["problem"]
    assert problem.startswith("TensorFlow did not answer within 0 s; if a driver hangs")


def test_messages_of_libraries_are_no_answers(python):
    python(f"echo 'a message'; echo '{tensorflow_view._MARK}{json.dumps({'problem': None})}'; echo another")
    assert ask_tensorflow(TrainerOptions()) == {"problem": None}
