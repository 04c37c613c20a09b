"""Runs a pipeline whose node, the one of a maker of `small_nodes`, waits until the runner is ended."""

import signal
import sys
from pathlib import Path

from rich.console import Console
from tfx_lm.pipelines.local import local_runner
from tfx_lm.pipelines.local.interrupts import ending_on_signals
from tfx_lm.pipelines.local.local_runner import run_pipeline
from tfx_lm.pipelines.local.output_lock import locked_output
from tfx_lm.pipelines.local.processes import call
from tfx_lm.pipelines.local.terminal import RunDisplay


def plan(folder, maker):
    import small_nodes
    from tfx_lm.pipelines.local.local_plan import plan_pipeline
    from tfx_lm.pipelines.metadata.metadata_store import connection_config

    connection = connection_config(f"sqlite:///{folder}/metadata.sqlite")
    return plan_pipeline(small_nodes.pipeline_of(folder, connection, getattr(small_nodes, maker)))


if __name__ == "__main__":
    # A shell that starts a job in the background has it ignore SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # On a busy machine a supervisor may need longer until it has recorded the end of its node.
    local_runner._RECORDING = 60.0
    folder, maker = Path(sys.argv[1]), sys.argv[2]
    with ending_on_signals(), locked_output(folder) as lock:
        plan_of_run = call(folder / "log", plan, folder, maker)
        run_pipeline(plan_of_run, RunDisplay(Console()), folder / "log", lock=lock)
