"""Text that a command reads: a file of any type that `tfx-lm run` reads, or a pipe."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import SettingError, escape
from ..text_files.options import RecordOptions
from ..text_files.text import Text
from ..text_files.texts import FORMATS, read_texts
from .setting_option import setting_option

if TYPE_CHECKING:
    from ..exported.exported_model import ExportedModel

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
            setting_option(RecordOptions, "documents", "Which lines are a document, for a model that reads a context."),
        )
    ):
        command = decorate(command)
    return command


def texts_of(
    file: str, format: str | None, models: Sequence[ExportedModel], documents: str, **options: str
) -> Iterator[Text]:
    """Reads the texts of a command's FILE. A file, unlike a pipe, is first read to its end for what cannot be used.

    Args:
        file: The argument FILE.
        format: The option of that name.
        models: The models that read the texts, for how much context they need.
        documents: The option of that name.
        **options: The others of `RecordOptions`.

    Returns:
        Number and text of each record.

    Raises:
        SettingError: A file cannot be used, or no model reads a context of documents. A pipe raises it at its first bad
            record.
    """
    context_tokens = max(model.context_tokens for model in models)
    if documents != "none" and not context_tokens:
        paths = " and ".join(escape(model.path) for model in models)
        reads = "reads" if len(models) == 1 else "read"
        raise SettingError(f"{{documents}}={documents}: {paths} {reads} no context; leave {{documents}} out")
    if documents == "none":
        context_tokens = 0
    record_options = RecordOptions.parse(
        {
            **options,
            "documents": documents,
            "context_tokens": context_tokens,
            # That of the others is the same, or they are not compared.
            "normalization": models[0].normalization,
        }
    )
    kind = FORMATS[format] if format else None
    if file != "-" and not _is_pipe(file):
        for _ in read_texts(file, record_options, kind):
            pass
    return read_texts(file, record_options, kind)


def warn_without_documents(models: Sequence[ExportedModel], documents: str) -> None:
    """Says on standard error that models with a context have read none, where no documents were named."""
    context_tokens = max(model.context_tokens for model in models)
    if context_tokens and documents == "none":
        click.echo(
            f"tfx-lm: each line was scored as the first of a document; {'the' if len(models) == 1 else 'a'} model "
            f"reads up to {context_tokens} tokens before a line: say which lines are a document with --documents",
            err=True,
        )


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
