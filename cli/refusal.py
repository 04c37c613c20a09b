"""Refusal of bad input by a command: one sentence, and exit code 2."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from ..errors import SettingError
from ..exit_codes import BAD_INPUT


def refuse(error: Exception, note: str = "") -> NoReturn:
    """Prints an error as one sentence and ends the process with exit code 2.

    Args:
        error: The error; settings in it are shown as the options of the running command.
        note: What is said behind it.
    """
    message = error.with_names(option_name) if isinstance(error, SettingError) else str(error)
    click.echo(f"tfx-lm: {message}{note}", err=True)
    sys.exit(BAD_INPUT)


def option_name(name: str) -> str:
    """Returns the option that sets a parameter of the running command, `--top-k` for `top_k`; otherwise the name."""
    context = click.get_current_context(silent=True)
    parameters = context.command.params if context else []
    return next((part.opts[0] for part in parameters if part.name == name and isinstance(part, click.Option)), name)
