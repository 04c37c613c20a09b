"""Replicas on two devices, and in two processes, train as one device does."""

import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

# Longer than a test takes on a busy machine: a hang must fail, not last.
TIMEOUT = 300

# What each process of a training runs: prints the first step's gradients, and the weights after 20 steps.
TRAINING = """
import json, sys
import keras, numpy as np, tensorflow as tf

name = sys.argv[1]
if name == "mirrored":
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tfx_lm.components.trainer.distribution import choose_strategy
from tfx_lm.model.options import TrainerOptions
from tfx_lm.components.trainer.replica_batches import distribute
from tfx_lm.components.trainer.run_fn import build_model
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.transform.padding import pad_batch

strategy = choose_strategy(name)
# Of the second batch one replica gets nothing; the others are dealt unevenly, too.
BATCHES = [[[7, 9, 3], [4, 3], [5, 6, 7, 8, 3], [3], [8, 8, 8, 3]], [[6, 9, 3]], [[5, 3], [3], [9, 9, 4, 3]]]
BUCKETS = Buckets((5,), (5,), 3, 0.0)
OPTIONS = dict(
    embedding_units=4, units=6, layers=2, dropout=0.0, variational_dropout=False, tied_embedding=True, output="full",
    adaptive_cutoffs=(), precision="float32", distribution=name, batch_tokens=25, epochs=1, optimizer="adamw",
    learning_rate=0.01, weight_decay=0.01, schedule="plateau", warmup_steps=0, clip_norm=0.5, plateau_patience=1,
    plateau_factor=0.5, early_stopping_patience=1, seed=1)

def all_batches():
    return tf.data.Dataset.from_tensor_slices(tf.ragged.constant(BATCHES, tf.int64)).map(pad_batch).repeat()

def train(steps, **options):
    with strategy.scope():
        keras.utils.set_random_seed(3)
        model = build_model(TrainerOptions(**{**OPTIONS, **options}), 10, steps)
        before = model.get_weights()
        logs = model.fit(
            distribute(strategy, all_batches(), BUCKETS), steps_per_epoch=steps, verbose=0,
            validation_data=distribute(strategy, all_batches(), BUCKETS), validation_steps=3).history
        return before, model.get_weights(), {name: value[0] for name, value in logs.items()}

# What the graphs of the steps send to the other replicas.
reductions = []
original = tf.distribute.ReplicaContext.all_reduce
def counted(context, operation, values, *rest, **named):
    reductions.append(len(values))
    return original(context, operation, values, *rest, **named)
tf.distribute.ReplicaContext.all_reduce = counted

# With a large learning rate, none of the gradient's digits is lost in the weights.
before, after, _ = train(1, optimizer="sgd", learning_rate=1024.0, weight_decay=0.0, clip_norm=1e9)
_, weights, logs = train(20)
print(json.dumps({
    "replicas": strategy.num_replicas_in_sync,
    "gradients": [((old - new) / 1024).tolist() for old, new in zip(before, after)],
    "weights": [weight.tolist() for weight in weights],
    "logs": logs,
    "reductions": reductions,
}))
"""


def run_workers(program, arguments, workers):
    """Runs the program in one process, or in several that find each other by TF_CONFIG; returns their outputs.

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
        command = [sys.executable, "-c", program, *map(str, arguments[index])]
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


def trained(name, workers=1):
    return [json.loads(output.splitlines()[-1]) for output in run_workers(TRAINING, [[name]] * workers, workers)]


@pytest.fixture(scope="module")
def one_device():
    return trained("one_device")[0]


def assert_same(mine, others, tolerance):
    """Compares lists of arrays by the norm of all of them together."""
    mine, others = (np.concatenate([np.ravel(array) for array in arrays]) for arrays in (mine, others))
    assert np.linalg.norm(mine - others) <= tolerance * np.linalg.norm(others)
    assert np.linalg.norm(others) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "workers"), [("mirrored", 1), ("multi_worker", 2)])
def test_two_replicas_train_as_one_device_does(one_device, name, workers):
    results = trained(name, workers)
    assert len(results) == workers
    for result in results:
        assert result["replicas"] == 2
        assert_same(result["gradients"], one_device["gradients"], 1e-5)
        assert_same(result["weights"], one_device["weights"], 1e-4)
        for key, value in one_device["logs"].items():
            assert result["logs"][key] == pytest.approx(value, rel=1e-5), key
        # Of each graph the gradients, the sum of the losses and the number of tokens, once; in validation the last two.
        per_step = [len(one_device["weights"]) + 2] * (2 // workers)
        assert result["reductions"] == [*per_step, *[2] * len(per_step)] * 2
    # 20 steps are six times all three batches, and the first two once more; the validation is all three once.
    assert one_device["logs"]["tokens"] == 6 * 25 + 18
    assert one_device["logs"]["val_tokens"] == 25


RUN_FN = """
import json, sys, types
from tfx_lm.components.trainer.run_fn import run_fn
run_fn(types.SimpleNamespace(**json.loads(sys.argv[1])))
"""


@pytest.mark.slow
def test_only_the_chief_writes(corpus, tmp_path):
    both = [corpus.fn_args(tmp_path / name, epochs=2, layers=1) for name in ("chief", "other")]
    run_workers(RUN_FN, [[json.dumps(vars(fn_args))] for fn_args in both], 2)
    chief, other = tmp_path / "chief", tmp_path / "other"
    assert (chief / "model" / "saved_model.pb").exists()
    document = json.loads((chief / "run" / "training.json").read_text())
    assert len(document["epochs"]) == 2
    for epoch in document["epochs"]:
        assert epoch["tokens"] == document["train"]["tokens"]
        assert epoch["validation_tokens"] == document["eval"]["tokens"]
    assert not other.exists()


RESTORING = """
import dataclasses, json, sys
import keras, numpy as np
from tfx_lm.components.trainer.backup import Backup, TrainingState
from tfx_lm.components.trainer.distribution import choose_strategy, is_chief
from tfx_lm.model.options import TrainerOptions
from tfx_lm.components.trainer.run_fn import build_model

folder, options = sys.argv[1], TrainerOptions.from_config(json.loads(sys.argv[2]))
strategy = choose_strategy("multi_worker")
with strategy.scope():
    model = build_model(options, 9, 10)
    model.set_weights([np.full(weight.shape, 0.25) for weight in model.get_weights()])
    backup = Backup(folder, {})
    if is_chief(strategy):
        backup.save(model, TrainingState(epochs_done=2, best_weights=model.get_weights(), records=[{"epoch": 1}]))
    model.set_weights([np.zeros(weight.shape) for weight in model.get_weights()])
    state = backup.restore(model)
    values = {float(value) for array in [*model.get_weights(), *state.best_weights] for value in np.ravel(array)}
state.best_weights = []
print(json.dumps([dataclasses.asdict(state), sorted(values)]))
"""


@pytest.mark.slow
def test_all_workers_go_on_from_the_backup_of_the_chief(corpus, tmp_path):
    options = json.dumps(corpus.fn_args(tmp_path).custom_config["trainer"])
    outputs = run_workers(RESTORING, [[tmp_path / "chief", options], [tmp_path / "no folder", options]], 2)
    for output in outputs:
        state, values = json.loads(output.splitlines()[-1])
        assert state["epochs_done"] == 2
        assert state["records"] == [{"epoch": 1}]
        assert values == [0.25]
    assert not (tmp_path / "no folder").exists()
