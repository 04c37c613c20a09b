"""The text column of a Parquet file, a few rows at a time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import escape
from .binary import HEAD_BYTES, why_not_text
from .errors import UnreadableFileError

if TYPE_CHECKING:
    import pyarrow.parquet

# Number of rows in memory. Few, since a row may be a whole document.
ROWS_AT_ONCE = 128
READ_BUFFER_BYTES = 2**20


def open_parquet(file: BinaryIO, text_field: str) -> pyarrow.parquet.ParquetFile:
    """Opens a Parquet file and checks its text column.

    Args:
        file: A seekable file open for reading bytes.
        text_field: Name of the column that holds the text; `a.b` is the field b of the column a.

    Returns:
        The open file. Column chunks are read through a small buffer, so memory does not grow with their size.

    Raises:
        UnreadableFileError: Not a Parquet file, or the column is missing or holds neither strings nor bytes; the
            message lists the columns that are there.
    """
    parquet = _opened(file)
    schema = parquet.schema_arrow
    columns = escape(", ".join(f"{field.name} ({field.type})" for field in schema))
    if schema.names.count(text_field) > 1:
        raise UnreadableFileError(
            f"{schema.names.count(text_field)} columns {escape(repr(text_field))}; rename all but one"
        )
    kind = _type_of(schema, text_field)
    if kind is None:
        raise UnreadableFileError(
            f"no column {escape(repr(text_field))}; the columns are {columns}; set {{text_field}}"
        )
    if not _is_text(kind):
        raise UnreadableFileError(
            f"column {escape(repr(text_field))} holds {escape(kind)}, not strings; the columns are {columns}; "
            "set {text_field}"
        )
    _check_rows(parquet)
    return parquet


def _check_rows(parquet: pyarrow.parquet.ParquetFile) -> None:
    """Raises an `UnreadableFileError` if the numbers of rows do not add up: pyarrow would leave rows out."""
    metadata = parquet.metadata
    rows = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    if min(rows, default=0) < 0 or sum(rows) != metadata.num_rows:
        raise UnreadableFileError(
            f"damaged: it says that it has {metadata.num_rows:,} rows, and its row groups have {sum(rows):,}; "
            "write it again"
        )


def _opened(file: BinaryIO) -> pyarrow.parquet.ParquetFile:
    import pyarrow
    import pyarrow.parquet

    # Until pyarrow 14, a file can name a Python type by a pickle, which runs on opening (CVE-2023-47248). With this
    # import, opening such a file is an error.
    import pyarrow_hotfix  # noqa: F401

    refused: Exception | None = None
    try:
        parquet = pyarrow.parquet.ParquetFile(file, buffer_size=READ_BUFFER_BYTES)
        # Also decodes the names of the columns.
        if "_view" not in str(parquet.schema_arrow):
            return parquet
    except Exception as error:  # Of any kind for a pickled type, since its bytes are disassembled for the message.
        refused = error
    # A newer writer (Polars, DataFusion) records Arrow types that this pyarrow does not read or cast, and any writer
    # may record pickled ones. Parquet's own types are sufficient.
    try:
        parquet = pyarrow.parquet.ParquetFile(_WithoutArrowTypes(file), buffer_size=READ_BUFFER_BYTES)
        str(parquet.schema_arrow)
        return parquet
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        if not head.startswith(b"PAR1"):
            raise UnreadableFileError(
                f"not Parquet but {escape(why_not_text(head) or ('text' if head else 'an empty file'))}"
            ) from error
        raise UnreadableFileError(
            f"cannot be read as Parquet ({_reason(refused or error)}); if another program reads it, its writer is "
            f"newer than pyarrow {pyarrow.__version__} here: write it again with an older format version, or as .jsonl"
        ) from error


def _reason(error: Exception) -> str:
    """Returns pyarrow's message on one line, for a template."""
    return escape(" ".join(str(error).split()))


def _type_of(schema: pyarrow.Schema, text_field: str) -> Any:
    """Returns the type of a column or of a field within one; None if there is no such column."""
    import pyarrow

    index = schema.get_field_index(text_field)
    if index >= 0:
        return schema.field(index).type
    name, *inner = text_field.split(".")
    index = schema.get_field_index(name)
    if index < 0 or not inner:
        return None
    kind: Any = schema.field(index).type
    for name in inner:
        index = kind.get_field_index(name) if pyarrow.types.is_struct(kind) else -1
        if index < 0:
            return None
        kind = kind[index].type
    return kind


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return any(is_text(kind) for is_text in tests)


def values(parquet: pyarrow.parquet.ParquetFile, text_field: str, row_groups: Iterable[int]) -> Iterator[bytes | None]:
    """Reads the text column of some row groups.

    Args:
        parquet: From `open_parquet`.
        text_field: Name of the column, or of a field within one.
        row_groups: Indices of the row groups, in the order to read them.

    Yields:
        The bytes of each row's value; None for a null. Parquet does not check that a string is UTF-8.

    Raises:
        UnreadableFileError: The file is damaged.
    """
    with _damage():
        for batch in _batches(parquet, row_groups, [text_field]):
            yield from _texts(batch, text_field)


def rows(
    parquet: pyarrow.parquet.ParquetFile, text_field: str, row_groups: Iterable[int]
) -> Iterator[tuple[bytes | None, dict[str, Any]]]:
    """Reads all columns of some row groups.

    Args:
        parquet: See `values`.
        text_field: See `values`.
        row_groups: See `values`.

    Yields:
        What `values` yields, and the row by column. A string that is not UTF-8 is bytes, and what Python has no type
        for, such as the year 30000, is a text.

    Raises:
        UnreadableFileError: See `values`.
    """
    with _damage():
        for batch in _batches(parquet, row_groups, None):
            yield from zip(_texts(batch, text_field), _dictionaries(batch), strict=True)


@contextmanager
def _damage() -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise UnreadableFileError(f"cannot be read as Parquet ({_reason(error)})") from error


def _batches(
    parquet: pyarrow.parquet.ParquetFile, row_groups: Iterable[int], columns: list[str] | None
) -> Iterator[pyarrow.RecordBatch]:
    # pyarrow reports an empty row group as a damaged file.
    rows = {index: parquet.metadata.row_group(index).num_rows for index in row_groups}
    groups = [index for index, number in rows.items() if number]
    missing = sum(rows.values())
    if groups:
        for batch in parquet.iter_batches(
            batch_size=ROWS_AT_ONCE, row_groups=groups, columns=columns, use_threads=False
        ):
            missing -= batch.num_rows
            yield batch
    if missing:
        # Of a damaged page, pyarrow leaves the rows out without an error.
        raise UnreadableFileError(f"damaged: {missing:,} rows cannot be read; write it again")


def _texts(batch: pyarrow.RecordBatch, text_field: str) -> Iterator[bytes | None]:
    import pyarrow

    index = batch.schema.get_field_index(text_field)
    column = batch.column(index if index >= 0 else batch.schema.get_field_index(text_field.split(".")[0]))
    names = iter(text_field.split(".")[1:])
    while pyarrow.types.is_struct(column.type):
        # Unlike `field`, `flatten` returns null for a field within a null.
        column = column.flatten()[column.type.get_field_index(next(names))]
    if pyarrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    # Bytes, since Python cannot decode an invalid string.
    for value in column.cast(pyarrow.large_binary()):
        yield value.as_py()


# What pyarrow raises for a value that Python has no type for: a string that is not UTF-8, a year above 9999, an unknown
# time zone, a struct with a name twice.
_NO_PYTHON_VALUE = (ArithmeticError, LookupError, ValueError)


def _dictionaries(batch: pyarrow.RecordBatch) -> list[dict[str, Any]]:
    try:
        return batch.to_pylist()
    except _NO_PYTHON_VALUE:
        columns = [[_value(column.slice(row, 1)) for row in range(batch.num_rows)] for column in batch.columns]
        return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _value(array: pyarrow.Array) -> Any:
    """Returns the one value of an array; None if there is nothing in Python that it could be."""
    import pyarrow
    from pyarrow import types

    try:
        return array.to_pylist()[0]
    except _NO_PYTHON_VALUE:
        pass
    if types.is_struct(array.type):
        return {field.name: _value(part) for field, part in zip(array.type, array.flatten(), strict=True)}
    if types.is_list(array.type) or types.is_large_list(array.type):
        items = array.flatten()
        return [_value(items.slice(index, 1)) for index in range(len(items))]
    for kind in (pyarrow.binary(), pyarrow.string(), pyarrow.int64()):
        try:
            return array.cast(kind).to_pylist()[0]
        except (pyarrow.ArrowException, *_NO_PYTHON_VALUE):
            continue
    return None


class _WithoutArrowTypes(io.RawIOBase):
    """A Parquet file with the key of the writer's Arrow types renamed, so that pyarrow ignores them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        size = file.seek(0, io.SEEK_END)
        # The file ends with the footer, the length of the footer in 4 bytes, and PAR1.
        file.seek(max(0, size - 8))
        self._footer = size - 8 - int.from_bytes(file.read(4), "little")
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        position = self._file.tell()
        data = self._file.read(len(buffer))
        if position + len(data) > self._footer:
            cut = max(0, self._footer - position)
            data = data[:cut] + data[cut:].replace(b"ARROW:schema", b"arrow:unread")
        buffer[: len(data)] = data
        return len(data)
