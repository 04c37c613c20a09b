"""`tfx-lm run-node`: one node of a compiled pipeline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..exit_codes import NODE_FAILED, NODE_SKIPPED
from ..pipelines.errors import ConfigurationError
from .refusal import refuse


@click.command("run-node")
@click.option("--pipeline", "file", type=click.Path(path_type=Path), required=True, help="The compiled pipeline.")
@click.option("--node", "node_id", required=True, metavar="ID", help="The node to run.")
@click.option("--run-id", required=True, metavar="ID", help="The same for all nodes of a run, another for each run.")
@click.option("--parameters", default="{}", metavar="JSON", help="The run's parameters, as a JSON object.")
def command(file: Path, node_id: str, run_id: str, parameters: str) -> None:
    """Runs one node of a compiled pipeline; its inputs are those that earlier nodes of the run recorded.

    Exit codes: 0 done, or cached; 1 failed, and recorded as failed in ML Metadata (also on SIGTERM); 2 bad input,
    found before any work; 99 skipped. A node that was killed outright is done again by the next run.
    """
    from ..pipelines.nodes.node_command import run_node_of_file

    try:
        result = run_node_of_file(file, node_id, run_id, parameters)
    except ConfigurationError as error:
        refuse(error)
    click.echo(f"{result.id}: {result.state} after {result.seconds:.1f} s")
    if result.state == "FAILED":
        click.echo(f"tfx-lm: {result.id} failed: {result.error}", err=True)
        sys.exit(NODE_FAILED)
    if result.state == "SKIPPED":
        sys.exit(NODE_SKIPPED)
