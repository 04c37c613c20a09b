"""How a command refuses what it was given: one sentence, and exit code 2."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from ..exit_codes import BAD_INPUT


def refuse(error: Exception) -> NoReturn:
    """Prints an error as one sentence and ends the process with exit code 2."""
    click.echo(f"tfx-lm: {error}", err=True)
    sys.exit(BAD_INPUT)
