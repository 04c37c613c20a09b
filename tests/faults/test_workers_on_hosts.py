"""`tfx-lm train-worker` in three network namespaces, as on three hosts; `make test-faults` runs it. Needs root."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf
from helpers.local_run import CONFIG, made_up_corpus
from helpers.network_hosts import network_hosts
from helpers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.faults]

TFX_LM = Path(sys.executable).parent / "tfx-lm"
# 10.177.0.1 to 3: the hosts.
ADDRESSES = [f"10.177.0.{host}:2222" for host in (1, 2, 3)]


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[str]]:
    """Three hosts."""
    with network_hosts(3, "10.177.0") as names:
        yield names


class Hosts:
    """A compiled pipeline whose run is done up to the Trainer, and hosts that all see its files."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self._names = names
        (folder / "corpus.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
        (folder / "small.yaml").write_text(CONFIG.replace("epochs: 2", "epochs: 5, dropout: 0.0"))
        self._given = ["--config", folder / "small.yaml", "--data", folder / "corpus.txt"]
        compiled = ["--output", folder / "small.json", "--set", f"output={folder / 'output'}"]
        self.run("compile", "--runner", "airflow", *self._given, *compiled)
        self.begin()

    def begin(self) -> None:
        """Begins another run."""
        self.run("run", *self._given, "--output", self.folder / "output", "--to", "Transform")
        self.run_id = json.loads((self.folder / "output" / "summary.json").read_text())["run_id"]

    def run(self, *arguments: object) -> None:
        done = subprocess.run(list(map(str, [TFX_LM, *arguments])), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, index: int, *arguments: str) -> subprocess.Popen:
        """Starts a worker on its host."""
        command = [TFX_LM, "train-worker", "--pipeline", self.folder / "small.json", "--run-id", self.run_id]
        for address in ADDRESSES:
            command += ["--worker", address]
        inside = ["ip", "netns", "exec", self._names[index], *command, "--index", index, *arguments]
        return subprocess.Popen(list(map(str, inside)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def model(self) -> dict[str, tf.Tensor]:
        newest = max(
            (self.folder / "output" / "artifacts" / "Trainer" / "model").iterdir(), key=lambda path: int(path.name)
        )
        return tf.saved_model.load(str(newest / "Format-Serving")).parameters


@pytest.fixture(scope="module")
def pipeline(hosts, tmp_path_factory) -> Hosts:
    return Hosts(tmp_path_factory.mktemp("hosts"), hosts)


def end(process: subprocess.Popen) -> tuple[int, str]:
    printed = process.communicate(timeout=900)[0]
    return process.returncode, printed


def test_a_host_that_dies_ends_the_others_and_the_next_start_gives_the_weights_of_one_worker(pipeline, faults, marked):
    workers = [pipeline.start(index) for index in range(3)]
    backup = pipeline.folder / "output" / "training_backup"
    # In the second epoch.
    wait_for(lambda: list(backup.glob("training-*.npz")) or any(each.poll() is not None for each in workers), 900)
    with faults.survived():
        workers[1].send_signal(signal.SIGKILL)
        ends = [end(each) for each in workers]
        assert [code for code, _ in ends] == [1, -signal.SIGKILL, 1], ends
        # TFX logs a traceback for each node that fails, so for worker 0.
        faults.printed(ends[2][1])
        for _, printed in (ends[0], ends[2]):
            assert f"worker 1 ({ADDRESSES[1]}) ended, or its host cannot be reached any more" in printed
        marked.wait_until_gone()
        assert list(backup.glob("training-*.npz"))

        workers = [pipeline.start(index) for index in range(3)]
        ends = [end(each) for each in workers]
        assert [code for code, _ in ends] == [0, 0, 0], ends
        assert "COMPLETE" in ends[0][1]
        assert f"worker 2 ({ADDRESSES[2]}): done" in ends[2][1]
        marked.wait_until_gone()
    # The same commands, given again.
    ends = [end(each) for each in [pipeline.start(index) for index in range(3)]]
    assert [code for code, _ in ends] == [0, 0, 0], ends
    assert "already done" in ends[0][1]
    assert "Trainer was done before; worker 0 has nothing to train" in ends[1][1]
    several = pipeline.model()
    assert json.loads(
        max((pipeline.folder / "output").glob("artifacts/Trainer/model_run/*/training.json")).read_text()
    )["resumed_after_epoch"]

    pipeline.run(
        "run-node", "--pipeline", pipeline.folder / "small.json", "--node", "Trainer", "--run-id", pipeline.run_id,
        "--again",
    )  # fmt: skip
    one = pipeline.model()
    for name, weight in one.items():
        assert tf.norm(several[name] - weight) <= 1e-4 * tf.norm(weight), name


def test_a_host_that_does_not_come_is_named(pipeline, faults, marked):
    pipeline.begin()

    def start(index: int, timeout: float) -> subprocess.Popen:
        return pipeline.start(index, "--parameters", json.dumps({"trainer_worker_timeout_seconds": timeout}))

    def assert_named(missing: int, workers: dict[int, subprocess.Popen]) -> None:
        faults.bad_input()
        for index, process in workers.items():
            code, printed = end(process)
            if index != 0:  # For it, TFX logs a traceback.
                faults.printed(printed)
            assert code == 1, printed
            name = f"worker {missing} ({ADDRESSES[missing]})"
            assert f"{name} did not come within trainer.worker_timeout_seconds=20" in printed
        marked.wait_until_gone()

    assert_named(0, {index: start(index, 20.0) for index in (1, 2)})
    # It tries to reach the chief, twice a second, until that has started.
    first = start(1, 3600.0)
    assert first.stdout is not None
    assert first.stdout.readline().startswith("waits for worker 0")
    assert_named(2, {0: start(0, 20.0), 1: first})
