"""Command `tfx-lm rollback`: withdraw the newest pushed version."""

from __future__ import annotations

from pathlib import Path

import click

from .local_path import LocalPath
from .refusal import refuse

# A local rollback is one rename; object stores cannot rename folders, but servers ignore a version without this file.
_IN_OBJECT_STORAGE = (
    "a rollback works on a local folder only; in object storage, delete saved_model.pb of the newest version first, "
    "which is what servers look for, and then move the rest of its folder away"
)


@click.command("rollback")
@click.argument("destination", type=LocalPath(refusal=_IN_OBJECT_STORAGE), metavar="DEST")
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
