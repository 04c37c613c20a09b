"""The command `tfx-lm`. Each command is a module, imported only when it is called or listed."""

from __future__ import annotations

import importlib
from typing import Any

import click

from .. import __version__
from .terminal_encoding import show_what_the_terminal_can

COMMANDS = ("run", "compile", "init-metadata", "run-node", "score", "compare", "complete", "serve", "push", "rollback")


class _Commands(click.Group):
    def main(self, *arguments: Any, **named: Any) -> Any:
        show_what_the_terminal_can()
        return super().main(*arguments, **named)

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"..{name.replace('-', '_')}", __name__)
        return module.command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tfx-lm")
def main() -> None:
    """Trains, gates, pushes and queries language models with TFX."""
