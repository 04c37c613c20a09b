"""Text that a command reads: a file of any type that `tfx-lm run` reads, or a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from ..errors import SettingError
from ..text_files.options import RecordOptions
from ..text_files.texts import FORMATS, Text, read_texts
from .refusal import refuse
from .setting_option import setting_option

Command = TypeVar("Command", bound=Callable[..., Any])


def text_input(command: Command) -> Command:
    """Adds the argument FILE and the options of reading to a command, which takes them as `input_options`."""
    for decorate in reversed(
        (
            click.argument("file", type=click.Path(), default="-"),
            click.option(
                "--format", type=click.Choice(list(FORMATS)), help="Type of FILE, if its ending does not tell it."
            ),
            click.option(
                "--text-field",
                default=RecordOptions.model_fields["text_field"].default,
                show_default=True,
                help="The field of JSON records, or column of CSV and Parquet files, that holds the text.",
            ),
            setting_option(RecordOptions, "invalid_utf8", "What to do with lines that are not UTF-8."),
            setting_option(RecordOptions, "invalid_records", "What to do with records without a usable text."),
        )
    ):
        command = decorate(command)
    return command


def texts_of(file: str, format: str | None, **options: str) -> Iterator[Text]:
    """Reads the texts of a command's FILE; errors name the command's options.

    Args:
        file: The argument FILE.
        format: The option of that name.
        **options: Those of `RecordOptions`.

    Yields:
        Number and text of each record.
    """
    try:
        yield from read_texts(file, RecordOptions.parse(options), FORMATS[format] if format else None)
    except SettingError as error:
        refuse(error)
