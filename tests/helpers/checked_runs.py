"""Calls of `tfx-lm run` that end before the first node, by the fixture `nothing_runs`."""

import subprocess

from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli

LINES = "".join(f"the cat sat on mat {number}\n" for number in range(200))
GATE = ("--set", "gate.max_perplexity=100", "--output", "out")


def refused(*arguments: str) -> str:
    """Calls a run that must be refused; returns the message."""
    result = CliRunner().invoke(cli.main, ["run", *arguments])
    assert result.exit_code == exit_codes.BAD_INPUT, result.output
    assert result.output.startswith("tfx-lm: ")
    return result.output.removeprefix("tfx-lm: ").removesuffix("\n")


def runs(*arguments: str) -> None:
    """Calls a run that must be accepted."""
    result = CliRunner().invoke(cli.main, ["run", *arguments])
    assert (result.exit_code, result.output) == (0, "")


def shell(command: str) -> None:
    """Runs a command, such as the remedy of a message."""
    subprocess.run(["bash", "-c", command], check=True, timeout=60)
