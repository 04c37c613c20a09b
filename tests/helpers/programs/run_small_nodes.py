"""Runs a pipeline whose node waits until the runner is ended."""

import signal
import sys
from pathlib import Path

from rich.console import Console
from tfx_lm.pipelines.local.local_runner import run_pipeline
from tfx_lm.pipelines.local.processes import call
from tfx_lm.pipelines.local.terminal import RunDisplay


def plan(folder):
    import small_nodes
    from tfx_lm.pipelines.local.local_plan import plan_pipeline
    from tfx_lm.pipelines.metadata.metadata_store import connection_config

    connection = connection_config(f"sqlite:///{folder}/metadata.sqlite")
    return plan_pipeline(small_nodes.pipeline_of(folder, connection, small_nodes.waiting("Wait", 120.0)))


if __name__ == "__main__":
    # A shell that starts a job in the background has it ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(sys.argv[1])
    run_pipeline(call(folder / "log", plan, folder), RunDisplay(Console()), folder / "log")
