"""The command `tfx-lm`. Each command is a module, imported only when it is called or listed."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..exit_codes import NODE_FAILED
from ..keras_backend import use_tensorflow
from .terminal_encoding import show_what_the_terminal_can

COMMANDS = (
    "doctor",
    "run",
    "compile",
    "init-metadata",
    "run-node",
    "train-worker",
    "score",
    "bulk-score",
    "compare",
    "complete",
    "serve",
    "push",
    "rollback",
    "prune",
)


class _Commands(click.Group):
    def main(self, *arguments: Any, **named: Any) -> Any:
        if sys.stdout is None or sys.stderr is None:
            # The shell's `>&-`: what would be printed is dropped.
            sys.stdout, sys.stderr = (
                stream or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
                for stream in (sys.stdout, sys.stderr)
            )
        show_what_the_terminal_can()
        # Some containers start with a umask of 0. What is written here names the classes that later runs import.
        os.umask(os.umask(0o077) | 0o002)
        use_tensorflow()
        try:
            return super().main(*arguments, **named)
        except Exception as error:
            from ..pipelines.storage_failure import storage_failure

            # Not a mistake of this program, so no traceback. A pipe that is closed is click's business.
            failure = storage_failure(error, {}) or _not_permitted(error)
            if failure is None:
                raise
            if isinstance(error, OSError) and error.filename is None:
                click.echo(f"tfx-lm: {error.strerror}: the output could not be written", err=True)
                # What is left in the buffer would raise again when the interpreter writes it.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            else:
                click.echo(f"tfx-lm: {failure}", err=True)
            sys.exit(NODE_FAILED)

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"..{name.replace('-', '_')}", __name__)
        return module.command


def _not_permitted(error: Exception) -> str | None:
    """Returns a sentence about a file that this user may not use; None for other errors."""
    if not isinstance(error, PermissionError) or error.filename is None:
        return None
    return (
        f"{os.fsdecode(error.filename)}: may not be used by this user ({error.strerror}); run the command as the user "
        "to whom it belongs, or change its permissions"
    )


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tfx-lm")
def main() -> None:
    """Trains, gates, pushes and queries language models with TFX."""
