"""What a run refuses of the section `beam` before any work."""

import re
import socket
from collections.abc import Iterator

import pytest
from tfx_lm.pipelines.beam.checks import check_beam
from tfx_lm.pipelines.beam.options import BeamConfig
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.preflight import check_airflow


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("localhost", 0)) as server:
        yield f"localhost:{server.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that nothing listens at; its port stays taken."""
    with socket.socket() as bound:
        bound.bind(("localhost", 0))
        yield f"localhost:{bound.getsockname()[1]}"


def test_the_default_needs_nothing():
    check_beam(BeamConfig())


def test_a_job_server_that_answers_is_taken(listening):
    check_beam(BeamConfig(runner="flink", job_server=listening, worker="/opt/tfx-lm/bin/tfx-lm-beam-worker"))
    check_beam(BeamConfig(runner="flink", job_server=listening, worker="localhost:50000"))


@pytest.mark.parametrize(("runner", "engine"), [("flink", "Flink"), ("spark", "Spark")])
def test_a_job_server_that_does_not_answer_is_refused(silent, runner, engine):
    expected = (
        f"beam.job_server={silent}: no connection (Connection refused); start the job server of Beam's {engine} runner "
        "there, or set beam.runner=direct"
    )
    with pytest.raises(ConfigurationError, match=f"^{re.escape(expected)}$"):
        check_beam(BeamConfig(runner=runner, job_server=silent))


def test_a_worker_command_that_is_not_installed_is_refused(listening, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(
        ConfigurationError, match=f"^beam.worker: {tmp_path}/bin/tfx-lm-beam-worker does not exist; install"
    ):
        check_beam(BeamConfig(runner="flink", job_server=listening))


def test_a_local_run_on_dataflow_is_refused():
    args = ("--project=p", "--region=r", "--temp_location=gs://b/t")
    with pytest.raises(ConfigurationError, match=r"^beam.runner=dataflow: its workers see no folder of this machine"):
        check_beam(BeamConfig(runner="dataflow", args=args))


def test_a_host_that_no_name_can_be():
    with pytest.raises(ConfigurationError, match=r"^beam.job_server=a\.\.b:1: no connection \(.*label empty"):
        check_beam(BeamConfig(runner="flink", job_server="a..b:1"))


def test_tasks_of_airflow_on_dataflow_need_object_storage():
    args = "[--project=p, --region=r, '--temp_location=gs://b/t']"
    beam = f"beam={{runner: dataflow, args: {args}}}"
    data = {"data.files": ("gs://b/a.txt",), "output": "out"}
    with pytest.raises(ConfigurationError, match=r"^output=out: the workers of beam.runner=dataflow see no folder"):
        check_airflow(load_config(None, ["gate.max_perplexity=9", beam], data))
