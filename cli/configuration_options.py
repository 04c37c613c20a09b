"""Options of the commands that read a pipeline's configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..pipelines.errors import ConfigurationError
from .local_path import LocalPath

if TYPE_CHECKING:
    from ..pipelines.config import PipelineConfig

Command = TypeVar("Command", bound=Callable[..., Any])


def configuration_options(command: Command) -> Command:
    """Gives a command `--config`, `--data` and `--set`, the arguments of `read_configuration`."""
    for option in (
        click.option(
            "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, such as trainer.epochs=3."
        ),
        click.option("--data", multiple=True, metavar="PATH", help="Input file or pattern; repeatable."),
        click.option("--config", "config_path", type=LocalPath(str), help="The YAML configuration."),
    ):
        command = option(command)
    return command


def read_configuration(
    config_path: str | None, data: Iterable[str], overrides: Iterable[str], output: str | None = None
) -> PipelineConfig:
    """Reads the configuration that a command was given.

    Args:
        config_path: Value of `--config`.
        data: Value of `--data`; replaces all input in the configuration.
        overrides: Value of `--set`.
        output: Value of `--output`, if it names the folder of the runs.

    Raises:
        ConfigurationError: Names the key, the value and what is allowed.
    """
    from ..pipelines.config import load_config

    try:
        Path.cwd()
    except FileNotFoundError as error:
        # Every relative path begins there.
        raise ConfigurationError("the folder of this shell was deleted; change to another one, with cd") from error
    values: dict[str, Any] = {}
    if files := tuple(data):
        values.update({"data.files": files, "data.splits": {}})
    if output is not None:
        values["output"] = output
    return load_config(config_path, overrides, values)
