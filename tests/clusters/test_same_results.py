"""Transform on a cluster gives what it gives in the node's own process. `make test-clusters` runs it."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from helpers.beam_transform import ROOT, cluster_module, transform
from helpers.waiting import wait_for
from tfx_lm.pipelines.beam.options import BeamConfig

# The processes that do the work: a TaskManager of Flink has no supervisor here, an executor of Spark has its worker.
WORKER_CLASSES = {
    "flink": "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
    "spark": "org.apache.spark.executor.CoarseGrainedExecutorBackend",
}
pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(params=["flink", "spark"])
def config(request, marked) -> Iterator[BeamConfig]:
    """Options of a cluster of two workers, which runs meanwhile and leaves no process."""
    with cluster_module().cluster(request.param, ROOT / ".cache" / request.param) as address:
        yield BeamConfig(runner=request.param, job_server=address, args=("--parallelism=2",))
    marked.wait_until_gone()


def test_a_cluster_gives_the_same_vocabulary_and_examples(config, tmp_path):
    here = transform(tmp_path / "here", BeamConfig())
    assert len(here.examples) > 1000
    assert transform(tmp_path / "there", config) == here


class Killer(threading.Thread):
    """Kills a worker of the cluster as soon as Transform has written its first graph; the vocabulary is still to come.

    Attributes:
        files: The files of Transform at that moment, or None.
    """

    def __init__(self, folder: Path, engine: str) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._engine = engine
        self.files: list[str] | None = None

    def run(self) -> None:
        wait_for(lambda: list(self._folder.glob("temporary/tftransform_tmp/*/saved_model.pb")), 900)
        victim, *others = workers(self._engine)
        assert len(others) == 1
        command, environment = victim.cmdline(), victim.environ()
        victim.kill()
        self.files = [path.name for path in self._folder.rglob("*")]
        if self._engine == "flink":
            # As Kubernetes starts a pod again. It ends with the cluster's other processes: see `end`.
            self._another = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        else:
            wait_for(lambda: victim not in workers(self._engine) and len(workers(self._engine)) == 2, 300)

    def end(self) -> None:
        """Ends the worker that has been started in the killed one's place."""
        self.join(1)
        if self._engine == "flink" and self.files is not None:
            self._another.kill()
            self._another.wait()


def workers(engine: str) -> list[psutil.Process]:
    """The cluster's processes that do the work."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if WORKER_CLASSES[engine] in process.cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):  # It has just ended.
            continue
    return found


def test_a_killed_worker_changes_nothing(config, tmp_path):
    killer = Killer(tmp_path / "there", config.runner)
    killer.start()
    try:
        transformed = transform(tmp_path / "there", config)
    finally:
        killer.end()
    assert killer.files is not None
    assert "vocabulary" not in killer.files
    assert transformed == transform(tmp_path / "here", BeamConfig())
