"""Arguments of Beam, as TFX passes them to every node."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from .options import ENGINES, BeamConfig

# Otherwise TFX packs its own installation for the workers, 3 seconds each time; none of ours would install it.
_NO_PACKAGE = "--sdk_container_image=none"
# The command that starts a worker (`worker.py`); installed beside this Python.
WORKER_COMMAND = "tfx-lm-beam-worker"


def beam_arguments(config: BeamConfig) -> list[str]:
    """Returns the arguments of all Beam stages.

    Args:
        config: The checked options.

    Returns:
        Arguments for TFX's `beam_pipeline_args`. Those of `config.args` come last, so that they win.
    """
    if config.runner == "direct":
        # Newer Beams resolve "DirectRunner" to one that downloads a binary first.
        first = ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner", _NO_PACKAGE]
    elif config.runner in ENGINES:
        first = [
            # `FlinkRunner` and `SparkRunner` would start a job server of their own, from a JAR that they download.
            "--runner=PortableRunner",
            f"--job_endpoint={config.job_server}",
            *_environment(config),
            # A batch job would start new workers for every stage. Milliseconds that an idle one is kept within a job.
            "--environment_cache_millis=60000",
            _NO_PACKAGE,
        ]
    else:
        first = ["--runner=DataflowRunner"]
    return [*first, *config.args]


def worker_command(config: BeamConfig) -> str | None:
    """Returns the path of the command that the cluster starts, or None if they ask a worker pool or there are none."""
    if config.runner not in ENGINES or (config.worker is not None and not config.worker.startswith("/")):
        return None
    return config.worker or str(Path(sys.prefix) / "bin" / WORKER_COMMAND)


def _environment(config: BeamConfig) -> list[str]:
    command = worker_command(config)
    if command is None:
        return ["--environment_type=EXTERNAL", f"--environment_config={config.worker}"]
    return ["--environment_type=PROCESS", f"--environment_config={json.dumps({'command': command})}"]
