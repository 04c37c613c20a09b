"""Options of the benchmarks' command lines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .report import OUTPUT_FOLDER

Command = TypeVar("Command", bound=Callable[..., Any])

TEXT_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
MADE_UP = "Text, one sentence a line.  [default: made-up lines]"


def benchmark_options(name: str, data_required: bool = False) -> Callable[[Command], Command]:
    """Returns a decorator that gives a command the options of all benchmarks: `data`, `rounds` and `output`.

    Args:
        name: The benchmark.
        data_required: Whether the user must give a text.
    """
    data_help = "Text, one sentence a line." if data_required else MADE_UP
    options = (
        click.option("--data", type=TEXT_FILE, required=data_required, help=data_help),
        click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Rounds that count."),
        click.option(
            "--output",
            type=click.Path(dir_okay=False, path_type=Path),
            default=OUTPUT_FOLDER / f"{name}.json",
            help=f"The JSON file.  [default: benchmarks/out/{name}.json]",
        ),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


model_option = click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A version's own folder.  [default: an untrained model]",
)
