"""Command `tfx-lm push`: push the model of the newest run again."""

from __future__ import annotations

from pathlib import Path

import click

from ..pipelines.errors import ConfigurationError
from .local_path import LocalPath
from .quiet_tensorflow import quiet_imports
from .refusal import refuse


@click.command("push")
@click.argument("output", type=LocalPath())
def command(output: Path) -> None:
    """Pushes the blessed model of the newest run in OUTPUT again, if its version was removed or rolled back.

    It is refused if another model is served by now than the one that the run compared with: `tfx-lm run` then
    compares, and pushes.
    """
    with quiet_imports():
        from ..pipelines.local.push_again import push_again

    try:
        version = push_again(output)
    except ConfigurationError as error:
        refuse(error)
    click.echo(f"Pushed to {version}")
