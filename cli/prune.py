"""Command `tfx-lm prune`: delete what old runs made."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..exit_codes import NODE_FAILED
from ..pipelines.errors import ConfigurationError
from .configuration_options import configuration_options, read_configuration
from .refusal import refuse


@click.command("prune")
@configuration_options
@click.option("--output", metavar="DIR", help="Folder of all outputs.")
@click.option("--wait", is_flag=True, help="Wait for a run in the same output folder.")
def command(
    config_path: str | None, data: tuple[str, ...], output: str | None, overrides: tuple[str, ...], wait: bool
) -> None:
    """Deletes the artifacts of old runs and marks them as deleted in ML Metadata.

    The newest `keep_runs` runs that ended well stay, with all that a newer run took from the cache, the run of the
    served model, and the pushed versions. `tfx-lm run` does the same at its end if `keep_runs` is set.
    """
    import ml_metadata as mlmd

    from ..pipelines.local.output_lock import locked_output
    from ..pipelines.local.prune import check_folders, prune
    from ..pipelines.preflight import check_output_is_here
    from ..pipelines.storage_failure import storage_failure

    places: dict[str, Path] = {}
    try:
        config = read_configuration(config_path, data, overrides, output)
        if config.keep_runs is None:
            raise ConfigurationError("keep_runs: not set; give the number of runs to keep, such as --set keep_runs=3")
        check_output_is_here(config)
        if not Path(config.output).is_dir():
            raise ConfigurationError(f"output={config.output}: no such folder; give the output folder of the runs")
        places["output"] = Path(config.output)
        config.make_link()
        check_folders(config)
        with locked_output(Path(config.output), click.echo if wait else None):
            pruned = prune(config)
    except ConfigurationError as error:
        refuse(error)
    except (OSError, mlmd.errors.StatusError) as error:
        failure = storage_failure(error, places) or f"old runs could not be pruned ({error}); run `tfx-lm prune` again"
        click.echo(f"tfx-lm: {failure}", err=True)
        sys.exit(NODE_FAILED)
    for problem in pruned.problems:
        click.echo(f"warning: {problem}")
    click.echo(str(pruned))
