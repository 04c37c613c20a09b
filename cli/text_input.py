"""Text that a command reads: a file of any type that `tfx-lm run` reads, or a pipe."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from ..errors import SettingError
from ..text_files.options import RecordOptions
from ..text_files.texts import FORMATS, Text, read_texts
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
    """Reads the texts of a command's FILE. A file, unlike a pipe, is first read to its end for what cannot be used.

    Args:
        file: The argument FILE.
        format: The option of that name.
        **options: Those of `RecordOptions`.

    Returns:
        Number and text of each record.

    Raises:
        SettingError: A file cannot be used. A pipe raises it at its first bad record.
    """
    record_options = RecordOptions.parse(options)
    kind = FORMATS[format] if format else None
    if file != "-" and not _is_pipe(file):
        for _ in read_texts(file, record_options, kind):
            pass
    return read_texts(file, record_options, kind)


def _is_pipe(file: str) -> bool:
    try:
        return not stat.S_ISREG(Path(file).stat().st_mode)
    except OSError:
        return False  # It cannot be read: `read_texts` says why.


class UntilError:
    """The texts before the first bad record of a pipe.

    Attributes:
        error: What is wrong with that record, once all texts are taken; None if there is none.
    """

    def __init__(self, texts: Iterator[Text]) -> None:
        self._texts = texts
        self.error: SettingError | None = None

    def __iter__(self) -> Iterator[Text]:
        """Yields the texts."""
        try:
            yield from self._texts
        except SettingError as error:
            self.error = error
