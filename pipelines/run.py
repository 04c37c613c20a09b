"""A local run from a checked configuration to its summary."""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rich.console import Console

from .config import PipelineConfig
from .terminal import RunDisplay, output_to


def run_locally(
    config: PipelineConfig, from_nodes: Collection[str] = (), to_nodes: Collection[str] = ()
) -> dict[str, Any]:
    """Runs the pipeline, shows it on the terminal and writes `summary.json`.

    Args:
        config: A configuration that passed `preflight.check_run`.
        from_nodes: Where to start; empty: at the roots.
        to_nodes: Where to end; empty: at the leaves.

    Returns:
        The summary that was written.

    Raises:
        ConfigurationError: `from_nodes` or `to_nodes` name no node.
    """
    output = Path(config.output)
    logs = output / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log_file = logs / f"{datetime.datetime.now():%Y%m%d-%H%M%S}.log"
    with output_to(log_file) as terminal:
        console = Console(file=terminal)
        console.print(f"Log: {log_file}", highlight=False, soft_wrap=True)
        # Importing TFX prints and takes seconds; both belong inside the log's scope.
        from .local_runner import run_pipeline
        from .pipeline import create_pipeline
        from .run_records import open_records
        from .summary import print_summary, summarize, write_summary

        pipeline = create_pipeline(config)
        display = RunDisplay(console)
        with display.shown():
            run_id, nodes = run_pipeline(pipeline, display, from_nodes, to_nodes)
        summary = summarize(config, run_id, nodes, open_records(config.metadata_url(), config.name, run_id))
        write_summary(summary, output / "summary.json")
        print_summary(summary, console)
        for node in nodes:
            if node.error:
                console.print(f"{node.id} failed: {node.error}", highlight=False, soft_wrap=True)
                console.print(f"Log: {os.fspath(log_file)}", highlight=False, soft_wrap=True)
    return summary
