"""Options of Beam: the runner, its addresses and further arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from pydantic import field_validator, model_validator

from ...settings import Settings

_OPTION = re.compile(r"--[a-zA-Z][^\s=]*(=.*)?", re.DOTALL)
_ADDRESS = re.compile(r"(?P<host>[^\s:/]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")

# Arguments that keys of the configuration set, and those keys.
_SET_BY_KEYS: Mapping[str, str] = {
    "runner": "beam.runner",
    "job_endpoint": "beam.job_server",
    "flink_master": "beam.job_server",
    "spark_master_url": "beam.job_server",
    "environment_type": "beam.worker",
    "environment_config": "beam.worker",
    "environment_options": "beam.worker",
}
# Arguments that have workers install packages, which those of a cluster do not do.
_INSTALLING = ("extra_package", "extra_packages", "requirements_file", "setup_file", "sdk_container_image")
# The engines that Beam reaches through a job server, by the runner that names them.
ENGINES: Mapping[str, str] = {"flink": "Flink", "spark": "Spark"}
# What Dataflow cannot run without.
_DATAFLOW_NEEDS = ("project", "region", "temp_location")


class BeamConfig(Settings):
    """Where Beam runs TextExampleGen, StatisticsGen, DriftValidator, Transform, the Evaluator, the Report's counts."""

    # direct: in the process of each node. flink, spark: on a cluster of Flink or Spark. dataflow: on Google Cloud,
    # not tried.
    runner: Literal["direct", "flink", "spark", "dataflow"] = "direct"
    # Address HOST:PORT of the job server of Beam's runner. Only flink and spark.
    job_server: str | None = None
    # What runs Python on the cluster: the path of tfx-lm-beam-worker on its hosts, or the address HOST:PORT of a
    # worker pool beside each TaskManager or executor; null: tfx-lm-beam-worker at the path that it has here. Only
    # flink and spark.
    worker: str | None = None
    # Further options of Beam and its runner, such as --parallelism=4.
    args: tuple[str, ...] = ()

    @field_validator("job_server")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise ValueError(f"beam.job_server={value}: must be HOST:PORT, such as localhost:8099")
        return value

    @field_validator("worker")
    @classmethod
    def _is_a_path_or_an_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/") and not is_address(value):
            raise ValueError(
                f"beam.worker={value}: must be the absolute path of tfx-lm-beam-worker on the cluster's hosts, or "
                "HOST:PORT of a worker pool beside each TaskManager or executor"
            )
        return value

    @field_validator("args")
    @classmethod
    def _are_options(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for argument in value:
            if not is_option(argument):
                raise ValueError(f"beam.args: {argument}: must be an option with its value, such as --parallelism=4")
            option = argument.partition("=")[0]
            if re.search("password|secret|session_token|connection_string", option, re.IGNORECASE):
                raise ValueError(
                    f"beam.args: {option}: a configuration holds no secret, since the compiled pipeline would hold it "
                    "too; put it into the environment of the workers, such as AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN "
                    "or AZURE_STORAGE_CONNECTION_STRING"
                )
            key = _SET_BY_KEYS.get(option_name(argument))
            if key:
                raise ValueError(f"beam.args: {argument}: another key sets this option; set {key}")
        return value

    @model_validator(mode="after")
    def _fits_the_runner(self) -> BeamConfig:
        for key, value in (("beam.job_server", self.job_server), ("beam.worker", self.worker)):
            if value is not None and self.runner not in ENGINES:
                raise ValueError(
                    f"{key}={value}: only beam.runner=flink and beam.runner=spark have one; set that, or remove {key}"
                )
        names = {option_name(argument): argument for argument in self.args}
        if self.runner != "direct":
            for name, argument in names.items():
                if name.startswith("direct_"):
                    raise ValueError(f"beam.args: {argument}: an option of beam.runner=direct alone; remove it")
        if self.runner in ENGINES:
            engine = ENGINES[self.runner]
            if self.job_server is None:
                raise ValueError(
                    f"beam.job_server: not set; name the job server of Beam's {engine} runner as HOST:PORT"
                )
            for name in _INSTALLING:
                if name in names:
                    raise ValueError(
                        f"beam.args: {names[name]}: a worker on {engine} installs nothing; install the package there, "
                        "and set beam.worker"
                    )
        if self.runner == "dataflow":
            for name in _DATAFLOW_NEEDS:
                if name not in names:
                    raise ValueError(f"beam.args: --{name} is missing, which Dataflow needs")
        return self


def is_address(text: str) -> bool:
    """Returns whether a text is HOST:PORT."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and 0 < int(match["port"]) < 65536


def host_and_port(address: str) -> tuple[str, int]:
    """Splits HOST:PORT; an IPv6 host loses its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def is_option(argument: str) -> bool:
    """Returns whether Beam would read it: it passes over `--runner FlinkRunner`, with a space, without a word."""
    return _OPTION.fullmatch(argument) is not None


def option_name(argument: str) -> str:
    """Returns the name of an option: `parallelism` of `--parallelism=4`."""
    return argument.lstrip("-").partition("=")[0]
