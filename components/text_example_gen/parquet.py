"""The text column of a Parquet file, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from ...errors import escape
from .errors import UnreadableFileError

if TYPE_CHECKING:
    import pyarrow.parquet

# Rows may be whole documents, so few are held at once.
ROWS_AT_ONCE = 128
READ_BUFFER_BYTES = 2**20


def open_parquet(file: BinaryIO, text_field: str) -> pyarrow.parquet.ParquetFile:
    """Opens a Parquet file and checks its text column.

    Args:
        file: A seekable file open for reading bytes.
        text_field: Name of the column that holds the text.

    Returns:
        The open file. Column chunks are read through a small buffer, so that memory does not follow their size.

    Raises:
        UnreadableFileError: Not a Parquet file, or the column is missing or holds neither strings nor bytes; the
            message lists the columns that are there.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        parquet = pyarrow.parquet.ParquetFile(file, buffer_size=READ_BUFFER_BYTES)
    except (pyarrow.ArrowException, OSError) as error:
        raise UnreadableFileError(f"cannot be read as Parquet ({escape(error)})") from error
    schema = parquet.schema_arrow
    columns = escape(", ".join(f"{field.name} ({field.type})" for field in schema))
    index = schema.get_field_index(text_field)
    if index < 0:
        raise UnreadableFileError(
            f"no column {escape(repr(text_field))}; the columns are {columns}; set {{text_field}}"
        )
    kind = schema.field(index).type
    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    types = pyarrow.types
    if not any(
        is_text(kind) for is_text in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    ):
        raise UnreadableFileError(
            f"column {escape(repr(text_field))} holds {escape(kind)}, not strings; the columns are {columns}; "
            "set {text_field}"
        )
    return parquet


def values(parquet: pyarrow.parquet.ParquetFile, text_field: str, row_groups: Iterable[int]) -> Iterator[bytes | None]:
    """Reads the text column of some row groups.

    Args:
        parquet: From `open_parquet`.
        text_field: Name of the column.
        row_groups: Indices of the row groups, in the order to read them.

    Yields:
        The bytes of each row's value; None for a null. Parquet does not check that a string is UTF-8.

    Raises:
        UnreadableFileError: The file is damaged.
    """
    import pyarrow

    # pyarrow takes an empty row group for a damaged file.
    groups = [index for index in row_groups if parquet.metadata.row_group(index).num_rows]
    if not groups:
        return
    try:
        for batch in parquet.iter_batches(
            batch_size=ROWS_AT_ONCE, row_groups=groups, columns=[text_field], use_threads=False
        ):
            column = batch.column(0)
            if pyarrow.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            # As bytes, since an invalid string cannot be made a Python one.
            for value in column.cast(pyarrow.large_binary()):
                yield value.as_py()
    except (pyarrow.ArrowException, OSError) as error:
        raise UnreadableFileError(f"cannot be read as Parquet ({escape(error)})") from error
