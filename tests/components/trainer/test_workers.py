"""Several workers train as one does; one that dies ends all, and the next start goes on from the backup."""

import json
import multiprocessing
import os
import pathlib
import signal
import socket
import subprocess

import pytest
import tensorflow as tf
from helpers.programs import program
from helpers.worker_processes import run_workers
from tfx_lm.components.trainer import worker_process, workers
from tfx_lm.components.trainer.cluster import Cluster
from tfx_lm.components.trainer.peer import HELLO_BYTES, TASK_BYTES, Peer
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.errors import SettingError

# 24 steps.
OPTIONS = {"epochs": 2, "batch_tokens": 420, "dropout": 0.0, "layers": 1}
CLUSTER = Cluster(("host0:2222", "host1:2222"))


@pytest.fixture(scope="module")
def one_worker(corpus, tmp_path_factory):
    """The weights that one process trains, by name."""
    fn_args = corpus.fn_args(tmp_path_factory.mktemp("one"), **OPTIONS)
    run_fn(fn_args)
    return weights(fn_args)


def weights(fn_args):
    return tf.saved_model.load(fn_args.serving_model_dir).parameters


def assert_same(mine, others):
    assert mine.keys() == others.keys()
    for name, weight in others.items():
        assert tf.norm(mine[name] - weight) <= 1e-4 * tf.norm(weight), name


def document(fn_args):
    return json.loads((pathlib.Path(fn_args.model_run_dir) / "training.json").read_text())


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_all_and_the_next_start_goes_on(
    corpus, one_worker, tmp_path, forked_python, marked
):
    kept = tmp_path / "backup"
    killed, resumed = (
        corpus.fn_args(tmp_path / name, backup_directory=kept, workers=2, **OPTIONS) for name in ("killed", "resumed")
    )
    command = program("train_until_killed", json.dumps(vars(killed)), python=forked_python)
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "WorkerError: worker 1 (127.0.0.1:" in run.stderr
    assert ") was killed by SIGKILL, so all workers ended; the next start goes on from the backup" in run.stderr
    marked.wait_until_gone()
    assert len(list(kept.iterdir())) == 1

    command = program("run_trainer", json.dumps(vars(resumed)), python=forked_python)
    subprocess.run(command, capture_output=True, text=True, check=True)
    assert document(resumed)["resumed_after_epoch"] == 1
    assert 20 <= 2 * document(resumed)["train"]["batches"] <= 30
    assert_same(weights(resumed), one_worker)
    assert not list(kept.iterdir())


@pytest.mark.slow
def test_three_hosts_train_as_one_worker_does_and_only_the_chief_writes(corpus, one_worker, tmp_path, forked_python):
    each = [corpus.fn_args(tmp_path / name, **OPTIONS) for name in ("chief", "second", "third")]
    run_workers("run_trainer", [[json.dumps(vars(fn_args))] for fn_args in each], 3, forked_python)
    assert_same(weights(each[0]), one_worker)
    trained = document(each[0])
    assert len(trained["epochs"]) == 2
    for epoch in trained["epochs"]:
        assert epoch["tokens"] == trained["train"]["tokens"]
        assert epoch["validation_tokens"] == trained["eval"]["tokens"]
    assert [path.name for path in tmp_path.iterdir()] == ["chief"]


def train(task, met):
    """Stands in for a training."""
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    what = task.get(str(index))
    if what == "alone":
        signal.pause()
    met()
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "fail":
        raise SettingError("{batch_tokens}=2: too few")
    if what == "lose":
        raise tf.errors.UnavailableError(None, None, "connection lost")
    if what == "break":
        raise Unsendable(0, 0)
    if what == "wait":
        signal.pause()


class Unsendable(tf.errors.UnavailableError):
    """An error of TensorFlow that cannot be sent to another process."""

    def __init__(self, one, two):
        super().__init__(None, None, "connection lost")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"1": "die", "0": "wait"}, r"^worker 1 \(host1:2222\) was killed by SIGKILL, so all workers ended"),
        ({"1": "die", "0": "lose"}, r"^worker 1 \(host1:2222\) was killed by SIGKILL"),
        ({"1": "die", "0": "break"}, r"^worker 1 \(host1:2222\) was killed by SIGKILL"),
        ({"0": "fail", "1": "wait"}, "^batch_tokens=2: too few$"),
    ],
)
def test_the_error_names_what_ended_the_workers(task, message):
    with pytest.raises(SettingError, match=message):
        workers._run(CLUSTER, range(2), {}, task, train, 600)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (tf.errors.UnavailableError(None, None, "connection lost"), True),
        (tf.errors.CancelledError(None, None, "cancelled"), True),
        (tf.errors.NotFoundError(None, None, "data.gz: no such file"), False),
        (tf.errors.ResourceExhaustedError(None, None, "failed to allocate memory"), False),
        (tf.errors.NotFoundError(None, None, "Collective ops is aborted by: data.gz: no such file"), True),
        (ValueError("too few"), False),
    ],
)
def test_only_an_error_that_a_lost_worker_can_cause_waits_for_the_cause(error, expected):
    assert worker_process._may_be_consequence(error) is expected


def test_all_workers_are_done():
    workers._run(CLUSTER, range(2), {}, {}, train, 600)


def test_workers_whose_tensorflow_does_not_meet_are_named():
    message = (
        r"^TensorFlow of worker 0 \(host0:2222\), worker 1 \(host1:2222\) did not meet the others within "
        r"worker_timeout_seconds=0\.01; host0:2222, host1:2222 must reach each other"
    )
    with pytest.raises(SettingError, match=message):
        workers._run(CLUSTER, range(2), {}, {"0": "alone", "1": "alone"}, train, 0.01)


@pytest.fixture
def hosts(monkeypatch):
    """The connection of a host to another, both ends."""
    monkeypatch.setattr("tfx_lm.components.trainer.peer._KEEPALIVE", ())  # Not for this kind of socket.
    left, right = socket.socketpair()
    ends = Peer(left, TASK_BYTES), Peer(right, HELLO_BYTES)
    yield ends
    for end in ends:
        end.close()


@pytest.fixture
def chief():
    """The chief's worker, and the end of its pipe through which it tells its news."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    with receiving, sending:
        yield worker_process.Worker(0, multiprocessing.current_process(), receiving), sending


def test_once_they_have_met_there_is_no_more_haste(hosts, chief):
    (peer, other), (worker, news) = hosts, chief
    news.send({"met": True})
    news.send({"done": True})
    other.send(done=True)
    assert workers._watch(CLUSTER, [worker], {1: peer}, 0.0) is None


def test_a_host_that_is_lost_once_the_chief_has_the_model_loses_nothing(hosts, chief):
    (peer, other), (worker, news) = hosts, chief
    news.send({"done": True})
    other.close()
    assert workers._watch(CLUSTER, [worker], {1: peer}, 600) is None


def test_a_host_that_is_lost_before_is_named(hosts, chief):
    (peer, other), (worker, news) = hosts, chief
    news.send({"met": True})
    other.close()
    failure = workers._watch(CLUSTER, [worker], {1: peer}, 600)
    assert str(failure.error).startswith("worker 1 (host1:2222) ended, or its host cannot be reached any more")


def test_the_error_of_a_host_is_told_in_short(hosts):
    peer, other = hosts

    def fail(task, met):
        raise RuntimeError("\N{MUSICAL SYMBOL G CLEF}" * 100_000)

    with pytest.raises(RuntimeError):
        workers._run(CLUSTER, [0], {1: peer}, {}, fail, 600)
    while not (messages := other.receive()):
        assert messages == []  # It comes in pieces.
    assert messages[0]["failed"].startswith("worker 0 (host0:2222) failed: RuntimeError: \N{MUSICAL SYMBOL G CLEF}")


def test_a_process_that_has_used_tensorflow_is_not_divided():
    tf.constant(1)
    with pytest.raises(SettingError, match="TensorFlow has run something in this process already"):
        workers.train_here(2, {}, train, 600)
