"""Records of text files: what is read of a file, and a line of JSON with its scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...exported.json_values import json_values
from ...text_files.csv_rows import Row
from ...text_files.options import RecordOptions
from ..text_example_gen.record import Record
from ..text_example_gen.splitting import HashSplit
from ..text_example_gen.to_examples import ToExamples
from .batch import Read
from .scoring import SCORE_FIELDS

RECORDS = "records"


class TextRecord(NamedTuple):
    """A record that has a text.

    Attributes:
        text: The text, UTF-8.
        whole: See `text_files.records.whole_records_of`.
        has_fields: Whether the file's records have named fields.
        context: What came before the text in its document, UTF-8.
    """

    text: bytes
    whole: Any
    has_fields: bool
    context: bytes = b""


class ToRecords(ToExamples):
    """Decides about records as TextExampleGen does; those with a text are `RECORDS`."""

    def __init__(self, options: RecordOptions) -> None:
        """Args: options: Which records are dropped, and are not errors."""
        super().__init__(HashSplit({RECORDS: 1}), options)

    def outputs(self, texts: Sequence[tuple[Record, str]]) -> Iterator[TextRecord]:
        """Yields each record as `ScoreRecords` takes it."""
        for record, text in texts:
            yield TextRecord(text.encode("utf-8"), record.whole, record.has_fields, record.context.encode("utf-8"))

    def _digest(self, texts: Mapping[str, Sequence[tuple[Record, str]]]) -> Iterator[Any]:
        """Yields nothing: there are no splits to compare."""
        return iter(())


class JsonRecords:
    """Writes one JSON object for each record: its own fields or columns, then the scores; NaN and infinity are null.

    Worked example: the line `the cat` of a `.txt` file becomes `{"text": "the cat", "lm_tokens": 3, ...}`, the line
    `{"text": "the cat", "id": 7}` of a `.jsonl` file `{"text": "the cat", "id": 7, "lm_tokens": 3, ...}`. What JSON
    lacks, such as a date in a Parquet column, is written as a string. Scores of an earlier run are replaced.
    """

    def __init__(self, line_field: str = "") -> None:
        """Configures the format.

        Args:
            line_field: The text field of records that are documents: each is written once for each line of its text,
                which stands in the field in place of the text. Empty: a record is written as it is.
        """
        self._line_field = line_field
        self._whole: Any = None
        # None: the record is nested deeper than Python's JSON goes.
        self._fields: dict[str, Any] | None = None

    def read(self, element: TextRecord) -> Read:
        """Returns the record's own fields as a JSON object, its text and its context."""
        try:
            fields = _FIELDS.encode(self._fields_of(element))
        except RecursionError:
            if not isinstance(element.whole, bytes):
                raise
            if not self._line_field:
                # Only the parser of JSON, which is no Python, goes as deep: the line as it is.
                return Read(element.whole.strip(), element.text, element.context)
            fields = _FIELDS.encode({self._line_field: element.text.decode("utf-8")})
        # Half a surrogate pair, which JSON may have in another field, cannot be written.
        return Read(fields.encode("utf-8", "replace"), element.text, element.context)

    def _fields_of(self, element: TextRecord) -> dict[str, Any]:
        if not self._line_field:
            return _fields(element)
        # The lines of a record come one behind the other; to parse it for each would take quadratic time.
        if self._whole is None or element.whole is not self._whole:
            try:
                self._fields = _fields(element)
            except RecursionError:
                self._fields = None
            self._whole = element.whole
        if self._fields is None:
            raise RecursionError("the record is nested deeper than Python's JSON goes")
        names = [self._line_field] if self._line_field in self._fields else self._line_field.split(".")
        return _replaced(self._fields, names, element.text.decode("utf-8"))

    def write(self, record: bytes, scores: dict[str, Any]) -> bytes:
        """Returns the line without its terminator."""
        separator = b"" if record == b"{}" else b", "
        return record[:-1] + separator + json.dumps(scores).encode()[1:]

    def element(self, written: list[bytes]) -> bytes:
        """Returns all lines as one: only the last lacks its terminator, which the writing step adds."""
        return b"\n".join(written)


def _fields(record: TextRecord) -> dict[str, Any]:
    whole = record.whole
    if not record.has_fields:
        # The text may be normalized.
        return {"text": (whole if isinstance(whole, bytes) else record.text).decode("utf-8")}
    if isinstance(whole, Row):
        values = dict(zip(whole.columns, whole.cells, strict=False))
    else:
        values = json.loads(whole) if isinstance(whole, bytes) else whole
    return {name: json_values(value) for name, value in values.items() if name not in SCORE_FIELDS}


def _replaced(fields: dict[str, Any], names: Sequence[str], text: str) -> dict[str, Any]:
    """Returns a record with another text: for the names `a` and `b`, that of the field b of the field a."""
    name, *rest = names
    return {**fields, name: _replaced(fields[name], rest, text) if rest else text}


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_FIELDS = json.JSONEncoder(ensure_ascii=False, default=_as_text)
