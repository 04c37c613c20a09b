"""Replicas on two devices, and in two processes, train as one device does."""

import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers.programs import program

# Longer than a test takes on a busy machine: a hang must fail, not last.
TIMEOUT = 300


def run_workers(name, arguments, workers, python=sys.executable):
    """Runs a program in one process, or in several that find each other by TF_CONFIG; returns their outputs.

    `arguments` has those of each process. Fails if a process does, or is not done in time.
    """
    processes = []
    sockets = [socket.socket() for _ in range(workers)]
    for one in sockets:
        one.bind(("localhost", 0))
    addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    for index in range(workers):
        environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
        if workers > 1:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        command = program(name, *arguments[index], python=python)
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    end = time.monotonic() + TIMEOUT
    try:
        results = [process.communicate(timeout=max(1, end - time.monotonic())) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    for process, (_, errors) in zip(processes, results, strict=True):
        assert process.returncode == 0, errors[-5000:]
    return [output for output, _ in results]


@pytest.fixture(scope="module")
def trained(forked_python):
    """A function that trains as `train_replicas` does; returns what each process found."""

    def run(name, workers=1):
        outputs = run_workers("train_replicas", [[name]] * workers, workers, forked_python)
        return [json.loads(output.splitlines()[-1]) for output in outputs]

    return run


@pytest.fixture(scope="module")
def one_device(trained):
    return trained("one_device")[0]


def assert_same(mine, others, tolerance):
    """Compares lists of arrays by the norm of all of them together."""
    mine, others = (np.concatenate([np.ravel(array) for array in arrays]) for arrays in (mine, others))
    assert np.linalg.norm(mine - others) <= tolerance * np.linalg.norm(others)
    assert np.linalg.norm(others) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "workers"), [("mirrored", 1), ("multi_worker", 2)])
def test_two_replicas_train_as_one_device_does(trained, one_device, name, workers):
    results = trained(name, workers)
    assert len(results) == workers
    for result in results:
        assert result["replicas"] == 2
        assert_same(result["gradients"], one_device["gradients"], 1e-5)
        assert_same(result["weights"], one_device["weights"], 1e-4)
        for key, value in one_device["logs"].items():
            assert result["logs"][key] == pytest.approx(value, rel=1e-5), key
        assert result["broken"]["skipped"] == one_device["broken"]["skipped"] == 1.0
        assert_same(result["broken"]["weights"], one_device["broken"]["weights"], 1e-4)
        # Of each graph the gradients, the sum of the losses and the number of tokens, once; in validation the last two.
        per_step = [len(one_device["weights"]) + 2] * (2 // workers)
        assert result["reductions"] == [*per_step, *[2] * len(per_step)] * 2
    # 20 steps are six times all three batches, and the first two once more; the validation is all three once.
    assert one_device["logs"]["tokens"] == 6 * 25 + 18
    assert one_device["logs"]["val_tokens"] == 25


@pytest.mark.slow
def test_only_the_chief_writes(corpus, tmp_path):
    both = [corpus.fn_args(tmp_path / name, epochs=2, layers=1) for name in ("chief", "other")]
    run_workers("run_trainer", [[json.dumps(vars(fn_args))] for fn_args in both], 2)
    chief, other = tmp_path / "chief", tmp_path / "other"
    assert (chief / "model" / "saved_model.pb").exists()
    document = json.loads((chief / "run" / "training.json").read_text())
    assert len(document["epochs"]) == 2
    for epoch in document["epochs"]:
        assert epoch["tokens"] == document["train"]["tokens"]
        assert epoch["validation_tokens"] == document["eval"]["tokens"]
    assert not other.exists()


@pytest.mark.slow
def test_all_workers_go_on_from_the_backup_of_the_chief(corpus, tmp_path, forked_python):
    options = json.dumps(corpus.fn_args(tmp_path).custom_config["trainer"])
    arguments = [[tmp_path / "chief", options], [tmp_path / "no folder", options]]
    outputs = run_workers("restore_backup", arguments, 2, forked_python)
    for output in outputs:
        state, values = json.loads(output.splitlines()[-1])
        assert state["epochs_done"] == 2
        assert state["records"] == [{"epoch": 1}]
        assert values == [0.25]
    assert not (tmp_path / "no folder").exists()
