"""The texts of one file or of standard input, read as the pipeline reads its files."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from ..errors import escape
from ..remote import is_remote
from .binary import HEAD_BYTES, why_not_text
from .documents import check_documents
from .errors import InputError, UnreadableFileError
from .file_types import GZIP, ZSTANDARD, FileType, compression, file_type
from .in_documents import in_documents
from .lines import BYTE_ORDER_MARK
from .looking import look_at
from .normalization import normalized
from .options import RecordOptions
from .parsing import Parsed
from .problems import Place, has_text, record_problem
from .records import numbered_records_of
from .records_in_text import records_in
from .text import Text
from .unpacking import Joined, content_errors, unpacked

# File types that can be read from a pipe, by their names; Parquet needs a seekable file.
FORMATS = {"txt": FileType.TEXT, "jsonl": FileType.JSON_LINES, "csv": FileType.CSV}


def read_texts(path: str, options: RecordOptions, kind: FileType | None = None) -> Iterator[Text]:
    """Reads a file or a pipe, streaming. Empty records are left out.

    Args:
        path: A local file; `-` or a pipe, such as /dev/fd/63, is read as lines of text, which may be compressed.
        options: The options of reading a record.
        kind: The type of a pipe that is not lines of text, or of a file whose ending does not give it.

    Yields:
        The texts in order.

    Raises:
        InputError: The input cannot be read, or a record is not usable; one sentence with the remedy.
    """
    name = "standard input" if path == "-" else path
    try:
        if path == "-":
            # The shell closed it with `<&-`.
            if sys.stdin is None:
                raise InputError("standard input is closed; give a file")
            yield from _of_pipe(sys.stdin.buffer, name, options, kind)
            return
        _check_place(path)
        with content_errors(), Path(path).open("rb") as file:
            if not Path(path).is_file():
                yield from _of_pipe(file, name, options, kind)
                return
            if kind is None:
                kind = file_type(path)
                look_at(path, options.text_field, as_lines="set {format} to txt")
            yield from _texts(file, Source(name, kind, compression(path)), options)
    except UnreadableFileError as error:
        raise InputError(f"{escape(name)}: {error.template}") from error


class Source(NamedTuple):
    """Source of texts.

    Attributes:
        name: Its name in messages.
        kind: Its type.
        compression: From `file_types.compression`.
    """

    name: str
    kind: FileType
    compression: str


def _check_place(path: str) -> None:
    if not path:
        raise InputError("an empty path; give a file, or - for standard input")
    if is_remote(path):
        raise InputError(f"{escape(path)}: not a local file; copy it to this machine first")
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{escape(path)}: no such file") from error
    except OSError as error:
        problem = error.strerror or error
        raise InputError(f"{escape(path)}: cannot be read ({problem}); give a file, or - for standard input") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{escape(path)}: a directory; give one of its files")


def _of_pipe(file: BinaryIO, name: str, options: RecordOptions, kind: FileType | None) -> Iterator[Text]:
    """Reads a pipe; its first bytes decide its compression and if it is text."""
    head = file.read(HEAD_BYTES)
    content = cast(BinaryIO, Joined(head, file))
    for magic, how in ((b"\x1f\x8b", GZIP), (b"\x28\xb5\x2f\xfd", ZSTANDARD)):
        if head.startswith(magic):
            with content_errors():
                content = unpacked(content, how)
                head = content.read(HEAD_BYTES)
            content = cast(BinaryIO, Joined(head, content))
            break
    if what := why_not_text(head):
        raise UnreadableFileError(f"not text but {escape(what)}; save it to a file that is named for what it is")
    if kind is None:
        _check_plain_pipe(head, options.text_field)
    yield from _texts(content, Source(name, kind or FileType.TEXT, ""), options)


def _check_plain_pipe(head: bytes, text_field: str) -> None:
    """Refuses records with fields, whose names would be read as text. A pipe has no ending that tells its type."""
    # Also one record alone.
    json_lines = re.match(rb'\s*\{\s*"', head.removeprefix(BYTE_ORDER_MARK)) is not None
    what, ending = ("JSON lines", ".jsonl") if json_lines else records_in(head, text_field) or ("", "")
    if what:
        remedy = f"set {{format}} to {ending[1:]}" if ending else "send CSV, and set {format} to csv"
        raise UnreadableFileError(f"looks like {what}; {remedy}, or to txt to take each line as it is")


def _texts(file: BinaryIO, source: Source, options: RecordOptions) -> Iterator[Text]:
    check_documents(options.documents, source.kind, source.name)
    for number, parsed, _, context in in_documents(
        _usable(file, source, options), options.documents, options.context_tokens
    ):
        if parsed.text and not parsed.text.isspace():
            yield Text(number, parsed.text.encode("utf-8"), context.encode("utf-8"))


def _usable(file: BinaryIO, source: Source, options: RecordOptions) -> Iterator[tuple[int, Parsed]]:
    """Yields the records that have no problem."""
    records = numbered_records_of(file, source.kind, source.compression, options.text_field)
    with_text = 0
    for number, parsed in records:
        problem = parsed.problem
        with_text += has_text(parsed)
        if problem is None:
            yield number, parsed._replace(text=normalized(parsed.text, options.normalization))
        elif not options.drops(problem):
            place = Place(source.name, source.kind, number)
            raise InputError(record_problem(problem, place, options.text_field, with_text, records))
