"""Keys of the section `beam`, and the arguments that Beam gets from them."""

import sys

import pytest
from tfx_lm.pipelines.beam.arguments import beam_arguments
from tfx_lm.pipelines.beam.options import BeamConfig, host_and_port
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError

JOB_SERVER = "localhost:8099"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "{runner: dask}",
            "beam.runner=dask: must be one of 'direct', 'flink', 'spark' or 'dataflow'; set beam.runner",
        ),
        ("{runner: flink}", "beam.job_server: not set; name the job server of Beam's Flink runner as HOST:PORT"),
        ("{runner: spark}", "beam.job_server: not set; name the job server of Beam's Spark runner as HOST:PORT"),
        ("{job_server: 'localhost'}", "beam.job_server=localhost: must be HOST:PORT, such as localhost:8099"),
        (
            "{job_server: 'localhost:99999'}",
            "beam.job_server=localhost:99999: must be HOST:PORT, such as localhost:8099",
        ),
        (
            "{job_server: 'localhost:8099'}",
            "beam.job_server=localhost:8099: only beam.runner=flink and beam.runner=spark have one; set that, or "
            "remove beam.job_server",
        ),
        (
            "{runner: flink, job_server: 'a:1', worker: bin/worker}",
            "beam.worker=bin/worker: must be the absolute path of tfx-lm-beam-worker on the cluster's hosts, or "
            "HOST:PORT of a worker pool beside each TaskManager or executor",
        ),
        (
            "{args: [parallelism=4]}",
            "beam.args: parallelism=4: must be an option with its value, such as --parallelism=4",
        ),
        (
            "{args: [--runner FlinkRunner]}",
            "beam.args: --runner FlinkRunner: must be an option with its value, such as --parallelism=4",
        ),
        (
            "{args: [--runner=FlinkRunner]}",
            "beam.args: --runner=FlinkRunner: another key sets this option; set beam.runner",
        ),
        (
            "{args: ['--job_endpoint=a:1']}",
            "beam.args: --job_endpoint=a:1: another key sets this option; set beam.job_server",
        ),
        (
            "{args: [--environment_type=LOOPBACK]}",
            "beam.args: --environment_type=LOOPBACK: another key sets this option; set beam.worker",
        ),
        (
            "{runner: flink, job_server: 'a:1', args: [--direct_num_workers=2]}",
            "beam.args: --direct_num_workers=2: an option of beam.runner=direct alone; remove it",
        ),
        (
            "{runner: flink, job_server: 'a:1', args: [--setup_file=setup.py]}",
            "beam.args: --setup_file=setup.py: a worker on Flink installs nothing; install the package there, and set "
            "beam.worker",
        ),
        ("{runner: dataflow, args: [--project=p]}", "beam.args: --region is missing, which Dataflow needs"),
    ],
)
def test_a_bad_value_is_one_sentence(section, expected):
    with pytest.raises(ConfigurationError) as caught:
        load_config(None, ["gate.max_perplexity=9", f"beam={section}"])
    assert str(caught.value) == expected


def test_the_default_runs_within_each_node():
    assert beam_arguments(BeamConfig()) == [
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
        "--sdk_container_image=none",
    ]


@pytest.mark.parametrize("runner", ["flink", "spark"])
def test_a_cluster_starts_the_worker_of_this_environment(runner):
    assert beam_arguments(BeamConfig(runner=runner, job_server=JOB_SERVER, args=("--parallelism=2",))) == [
        "--runner=PortableRunner",
        "--job_endpoint=localhost:8099",
        "--environment_type=PROCESS",
        f'--environment_config={{"command": "{sys.prefix}/bin/tfx-lm-beam-worker"}}',
        "--environment_cache_millis=60000",
        "--sdk_container_image=none",
        "--parallelism=2",
    ]


@pytest.mark.parametrize(
    ("worker", "expected"),
    [
        ("localhost:50000", ["--environment_type=EXTERNAL", "--environment_config=localhost:50000"]),
        (
            "/opt/tfx-lm/bin/tfx-lm-beam-worker",
            [
                "--environment_type=PROCESS",
                '--environment_config={"command": "/opt/tfx-lm/bin/tfx-lm-beam-worker"}',
            ],
        ),
    ],
)
def test_a_cluster_uses_the_workers_that_the_configuration_names(worker, expected):
    assert beam_arguments(BeamConfig(runner="flink", job_server=JOB_SERVER, worker=worker))[2:4] == expected


def test_dataflow_gets_the_arguments_as_they_are():
    needed = ("--project=p", "--region=r", "--temp_location=gs://b/t", "--sdk_container_image=image")
    assert beam_arguments(BeamConfig(runner="dataflow", args=needed)) == ["--runner=DataflowRunner", *needed]


@pytest.mark.parametrize(("address", "expected"), [("localhost:8099", ("localhost", 8099)), ("[::1]:80", ("::1", 80))])
def test_an_address_is_a_host_and_a_port(address, expected):
    assert host_and_port(address) == expected
