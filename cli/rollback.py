"""Command `tfx-lm rollback`: withdraw the newest pushed version."""

from __future__ import annotations

from pathlib import Path

import click

from .local_path import LocalPath
from .refusal import refuse


@click.command("rollback")
@click.argument("destination", type=LocalPath(), metavar="DEST")
@click.option("--to", type=click.IntRange(min=0), metavar="VERSION", help="Go back to this version.")
def command(destination: Path, to: int | None) -> None:
    """Withdraws the newest version in DEST (OUTPUT/serving), so that servers go back to the one before.

    The withdrawn version is renamed to withdrawn-VERSION, which servers ignore; nothing is deleted.
    """
    from ..exported.rollback import RollbackError, rollback
    from ..file_lock import NoLocksError

    try:
        newest, withdrawn = rollback(destination, to)
    except (RollbackError, NoLocksError) as error:
        refuse(error)
    for folder in withdrawn:
        click.echo(f"Withdrawn: {folder}")
    click.echo(f"The newest version is now {newest}")
