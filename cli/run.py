"""Command `tfx-lm run`: the whole pipeline on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..exit_codes import NODE_FAILED, NOT_PUSHED
from ..pipelines.errors import ConfigurationError
from .configuration_options import configuration_options, read_configuration
from .refusal import refuse


@click.command("run")
@configuration_options
@click.option("--output", metavar="DIR", help="Folder of all outputs.")
@click.option("--from", "from_nodes", multiple=True, metavar="NODE", help="Start here; reuse what ran before.")
@click.option("--to", "to_nodes", multiple=True, metavar="NODE", help="End here.")
@click.option("--require-push", is_flag=True, help="Exit with 3 if no model was pushed.")
@click.option("--wait", is_flag=True, help="Wait for another run in the same output folder.")
def command(
    config_path: str | None,
    data: tuple[str, ...],
    output: str | None,
    overrides: tuple[str, ...],
    from_nodes: tuple[str, ...],
    to_nodes: tuple[str, ...],
    require_push: bool,
    wait: bool,
) -> None:
    """Runs the whole pipeline on this machine.

    Exit codes: 0 the run finished (also if the model was not blessed), 1 a node failed, 2 bad configuration or
    input, or another run in the same folder, found before any work, 3 nothing was pushed and --require-push was given,
    130 ended by Ctrl-C, 143 ended by SIGTERM.
    """
    from ..exported.plain_path import pattern_letters
    from ..pipelines.local.interrupts import ending_on_signals
    from ..pipelines.local.run import UncollectedError, run_locally
    from ..pipelines.nodes.scratch import outer_temporary_folder
    from ..pipelines.preflight import check_run
    from ..pipelines.storage_failure import storage_failure

    places = {"TMPDIR": outer_temporary_folder()}
    try:
        with ending_on_signals():
            config = read_configuration(config_path, data, overrides, output)
            check_run(config)
            if linked := config.folder_to_link():
                letters = " ".join(pattern_letters(linked))
                click.echo(
                    f"The output folder contains {letters}, which TFX and Beam take for patterns. So this run names it "
                    f"{config.output_folder()}, a link to it; keep the link."
                )
            places["output"] = Path(config.output)
            summary = run_locally(config, from_nodes, to_nodes, wait)
    except ConfigurationError as error:
        refuse(error)
    except Exception as error:
        # Also what fails between the nodes; these say it themselves.
        failure = storage_failure(error, places)
        if failure is None and isinstance(error, UncollectedError):
            failure = str(error)
        if failure is None:
            raise
        click.echo(f"tfx-lm: {failure}", err=True)
        sys.exit(NODE_FAILED)
    if any(node["state"] == "FAILED" for node in summary["nodes"]):
        sys.exit(NODE_FAILED)
    if require_push and summary["pushed_model"] is None:
        click.echo("Nothing was pushed (--require-push).", err=True)
        sys.exit(NOT_PUSHED)
