"""Flink on two hosts, which are network namespaces, with a pool of Beam workers beside each TaskManager. Needs root.

`make test-clusters` runs it.
"""

import contextlib
import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import tensorflow as tf
from helpers.beam_transform import ROOT, cluster_module, transform
from helpers.local_run import Run, run_pipeline, tfx_lm
from helpers.network_hosts import network_hosts
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_lm.pipelines.beam.options import BeamConfig

POOL = Path(sys.prefix) / "bin" / "tfx-lm-beam-worker"
# Hosts 1 and 2 have the TaskManagers, host 3 the JobManager; Beam's job server runs here.
MASTER = "10.178.0.3"
HERE = "10.178.0.10"
PORT = 50000
# What must be the same byte for byte: the vocabulary and the weights of the pushed model.
SAME_FILES = (
    "artifacts/Transform/transform_graph/*/transform_fn/assets/vocabulary",
    "serving/*/variables/variables.data-00000-of-00001",
)
# What must be the same as a set.
SAME_RECORDS = tuple(
    f"artifacts/{folder}/*/Split-{split}/*.gz"
    for folder in ("TextExampleGen/examples", "Transform/transformed_examples")
    for split in ("train", "eval")
)
pytestmark = [pytest.mark.cluster, pytest.mark.slow]


class Hosts(NamedTuple):
    """A running cluster.

    Attributes:
        job_server: Its address.
        pools: The logs of the pools, one a host.
    """

    job_server: str
    pools: list[Path]


@pytest.fixture
def hosts(tmp_path, marked) -> Iterator[Hosts]:
    module = cluster_module()
    folder = ROOT / ".cache" / "flink"
    module.resolve("flink", folder)
    (folder / "logs").mkdir(exist_ok=True)
    rpc_port, rest_port, job_port, artifact_port = module.free_ports(4)
    with contextlib.ExitStack() as started:
        *names, master = started.enter_context(network_hosts(3, "10.178.0", here=HERE))
        programs = module.Programs(folder, tmp_path)
        started.callback(programs.end)

        def start(name: str, host: str, *command: object) -> Path:
            log = tmp_path / f"{name}.log"
            with log.open("wb") as stream:
                inside = ["ip", "netns", "exec", host, *map(str, command)]
                programs.running.append(subprocess.Popen(inside, stdout=stream, stderr=subprocess.STDOUT))
            return log

        def settings(name: str, address: str) -> Path:
            """The configuration's folder of one process; within a namespace it may listen at all addresses."""
            (tmp_path / name).mkdir()
            text = module.FLINK_SETTINGS.format(rpc_port=rpc_port, rest_port=rest_port, folder=tmp_path / name)
            for key, value in (("bind-host", "0.0.0.0"), ("bind-address", "0.0.0.0"), ("taskmanager.host", address)):
                text = text.replace(f"{key}: localhost", f"{key}: {value}")
            (tmp_path / name / "flink-conf.yaml").write_text(text.replace(": localhost", f": {MASTER}"))
            return tmp_path / name

        start(
            "jobmanager", master, "java", *module.OPENED, "-Xmx400m", "-cp", f"{folder}/jars/*",
            module.JOB_MANAGER_CLASS, "--configDir", settings("master", MASTER),
        )  # fmt: skip
        pools = []
        for number, host in enumerate(names, start=1):
            pools.append(start(f"pool-{number}", host, POOL, "--worker_pool", PORT))
            start(
                f"taskmanager-{number}", host, "java", *module.OPENED, "-Xmx640m", "-XX:MaxDirectMemorySize=512m",
                "-cp", f"{folder}/jars/*", module.TASK_MANAGER_CLASS,
                "--configDir", settings(f"host-{number}", f"10.178.0.{number}"),
            )  # fmt: skip
        programs.start(
            "job-server", ["-Xmx400m"], module.FLINK_JOB_SERVER_CLASS,
            f"--flink-master={MASTER}:{rest_port}", f"--flink-conf-dir={settings('here', HERE)}",
            "--job-host=localhost", f"--job-port={job_port}", f"--artifact-port={artifact_port}", "--expansion-port=-1",
            f"--artifacts-dir={tmp_path}/artifacts",
        )  # fmt: skip
        programs.wait_until(
            lambda: (module.read_json(rest_port, "/overview", MASTER) or {}).get("taskmanagers") == 2, "Flink"
        )
        programs.wait_until(lambda: module.answers(job_port), "the job server")
        yield Hosts(f"localhost:{job_port}", pools)
    marked.wait_until_gone()


def test_each_host_has_a_pool_of_workers(hosts, tmp_path):
    config = BeamConfig(
        runner="flink", job_server=hosts.job_server, worker=f"localhost:{PORT}", args=("--parallelism=2",)
    )
    there = transform(tmp_path / "there", config)
    for pool in hosts.pools:
        assert "Starting worker" in pool.read_text()
    assert there == transform(tmp_path / "direct", BeamConfig())


def test_a_whole_pipeline_gives_the_same(hosts, local_run, tmp_path):
    for name in ("corpus.txt", "small.yaml"):
        shutil.copyfile(local_run.output.parent / name, tmp_path / name)
    beam = f"{{runner: flink, job_server: '{hosts.job_server}', worker: 'localhost:{PORT}', args: [--parallelism=2]}}"
    there = run_pipeline(tmp_path, f"beam={beam}", command=functools.partial(tfx_lm, timeout=3600))
    for pool in hosts.pools:
        assert "Starting worker" in pool.read_text()
    assert there.states == local_run.states
    for pattern in SAME_FILES:
        assert contents(there, pattern) == contents(local_run, pattern), pattern
    for split in ("train", "eval"):
        assert statistics(there, split) == statistics(local_run, split)
    for pattern in SAME_RECORDS:
        assert records(there, pattern) == records(local_run, pattern), pattern
    ours, theirs = there.summary["evaluation"], local_run.summary["evaluation"]
    for count in ("tokens", "bytes", "oov_tokens", "sentences"):
        assert ours[count] == theirs[count]
    # Sentences of 32-bit floats, in batches of other sentences; docs/guide/beam.md has the differences.
    assert ours["perplexity"] == pytest.approx(theirs["perplexity"], rel=1e-8)


def contents(run: Run, pattern: str) -> list[bytes]:
    """The bytes of the files that a run has left at a place."""
    found = [path.read_bytes() for path in sorted(run.output.glob(pattern))]
    assert found, pattern
    return found


def statistics(run: Run, split: str) -> list[statistics_pb2.DatasetFeatureStatisticsList]:
    """The statistics of a split, without which of the equally frequent lines stand in the rank histogram.

    It has 1,000 of them, and an estimate takes them in the order of the runner.
    """
    found = []
    for content in contents(run, f"artifacts/StatisticsGen/statistics/*/Split-{split}/FeatureStats.pb"):
        parsed = statistics_pb2.DatasetFeatureStatisticsList.FromString(content)
        for feature in parsed.datasets[0].features:
            for bucket in feature.string_stats.rank_histogram.buckets:
                bucket.label = ""
        found.append(parsed)
    return found


def records(run: Run, pattern: str) -> list[bytes]:
    """The records of such files, sorted: their order is the runner's."""
    files = [str(path) for path in run.output.glob(pattern)]
    found = sorted(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    assert found, pattern
    return found
