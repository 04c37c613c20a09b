"""Checks of the Beam section before the first node runs."""

from __future__ import annotations

import shutil

from ..connection import connection_problem
from ..errors import ConfigurationError
from .arguments import worker_command
from .options import ENGINES, BeamConfig, host_and_port


def check_beam(config: BeamConfig) -> None:
    """Checks what a local run needs of Beam's runner.

    Args:
        config: The checked options.

    Raises:
        ConfigurationError: The job server does not answer, the worker command is missing beside this Python, or the
            runner sees no folder of this machine.
    """
    if config.runner == "dataflow":
        raise ConfigurationError(
            "beam.runner=dataflow: its workers see no folder of this machine, and `tfx-lm run` keeps the output in "
            "one; use tfx-lm compile --runner kubeflow, with kubeflow.pipeline_root on object storage"
        )
    if config.job_server is not None:
        _check_answers(config.job_server, ENGINES[config.runner])
    command = worker_command(config)
    if config.worker is None and command is not None and not shutil.which(command):
        raise ConfigurationError(
            f"beam.worker: {command} does not exist; install tfx-lm here as on the cluster's hosts, or set "
            "beam.worker to its path there"
        )


def _check_answers(address: str, engine: str) -> None:
    problem = connection_problem(*host_and_port(address))
    if problem is not None:
        raise ConfigurationError(
            f"beam.job_server={address}: no connection ({problem}); start the job server of Beam's {engine} runner "
            "there, or set beam.runner=direct"
        )
