"""Replicas on two devices, and in two processes, train as one device does."""

import json

import numpy as np
import pytest
from helpers.worker_processes import run_workers


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
        assert_same(result["averages"], one_device["averages"], 1e-4)
        assert_same(result["carried"], one_device["carried"], 1e-4)
        # All rows have three windows. The ninth step ends the epoch.
        assert result["saved_after"] == one_device["saved_after"] == [3, 6, 0] * 2
        for key, value in one_device["logs"].items():
            assert result["logs"][key] == pytest.approx(value, rel=1e-5), key
        assert result["logs"]["skipped"] == one_device["logs"]["skipped"] == 1.0
        # Of each graph the gradients, the sum of the losses and the number of tokens, once; in validation the last two.
        # The first training has none.
        per_step = [len(one_device["weights"]) + 2] * (2 // workers)
        assert result["reductions"] == [*per_step, *per_step, *[2] * len(per_step)]
    # 20 steps are six times all three batches, and the first two once more; the validation is all three once.
    # The tokens of the skipped batch do not count.
    assert one_device["logs"]["tokens"] == 6 * 25 + 18 - 3
    assert one_device["logs"]["val_tokens"] == 25


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
