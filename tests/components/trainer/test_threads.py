"""How many shares a batch is dealt into, and what becomes of TensorFlow's threads."""

import subprocess
import sys

import pytest
import tensorflow as tf
from helpers.programs import program
from tfx_lm.components.trainer import threads


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "batch_tokens", "expected"),
    [("unset", 2048, "4 1"), ("unset", 512, "2 2"), ("unset", 10, "1 4"), ("set", 2048, "4 3")],
)
def test_the_cores_are_dealt_to_the_shares(before, batch_tokens, expected, forked_python):
    python = sys.executable if before == "set" else forked_python
    command = program("deal_threads", before, batch_tokens, python=python)
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == expected.split()


def test_threads_stay_where_tensorflow_is_at_work(monkeypatch):
    tf.constant(1.0)
    before = tf.config.threading.get_intra_op_parallelism_threads()
    monkeypatch.setattr(threads.joblib, "cpu_count", lambda: 3)
    assert threads.deal_threads(4096) == 3
    assert tf.config.threading.get_intra_op_parallelism_threads() == before


def test_an_accelerator_gets_the_whole_batch(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one"] if kind == "GPU" else [])
    assert threads.deal_threads(4096) == 1
