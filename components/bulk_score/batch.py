"""Batches of records that are scored together: one element of a Beam pipeline, whose cost for each element is high."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import apache_beam as beam
from apache_beam.transforms import window

from ...exported.scoring import WINDOW_BYTES, WINDOW_LINES

# Bytes of records, whatever they hold besides the text, that wait to be scored together.
_HELD_BYTES = 64 * 2**20


class Batch(NamedTuple):
    """Records that are scored together.

    Attributes:
        records: Each record as its format keeps it until it is written.
        texts: Their texts, UTF-8.
        contexts: What came before each text in its document, UTF-8; empty for nothing.
    """

    records: list[bytes]
    texts: list[bytes]
    contexts: list[bytes]


class Read(NamedTuple):
    """A record that was read.

    Attributes:
        record: The record as it waits for its scores.
        text: Its text, UTF-8.
        context: What came before the text in its document, UTF-8.
    """

    record: bytes
    text: bytes
    context: bytes = b""


class RecordFormat(Protocol):
    """How records are read and written; it is sent to each worker."""

    def read(self, element: Any) -> Read:
        """Returns a record as it waits for its scores, with its text."""

    def write(self, record: bytes, scores: dict[str, Any]) -> bytes:
        """Returns the record with its scores as the file stores it; `scores` are those of `scores_of`, by `PREFIX`."""

    def element(self, written: list[bytes]) -> Any:
        """Returns the written records as the step that writes files takes them, all in one element."""


class Batcher:
    """Collects records until there are enough to find texts of similar length."""

    def __init__(self, record_format: RecordFormat) -> None:
        """Args: record_format: How records are read."""
        self._format = record_format
        self._begin()

    def _begin(self) -> None:
        self._batch = Batch([], [], [])
        self._text_bytes = self._record_bytes = 0

    def add(self, element: Any) -> Iterator[Batch]:
        """Adds one record; yields a batch that is full."""
        record, text, context = self._format.read(element)
        self._batch.records.append(record)
        self._batch.texts.append(text)
        self._batch.contexts.append(context)
        self._text_bytes += len(text) + len(context)
        self._record_bytes += len(record)
        if (
            len(self._batch.texts) >= WINDOW_LINES
            or self._text_bytes >= WINDOW_BYTES
            or self._record_bytes >= _HELD_BYTES
        ):
            yield from self.rest()

    def rest(self) -> Iterator[Batch]:
        """Yields the records that are left, if there are any."""
        batch = self._batch
        self._begin()
        if batch.texts:
            yield batch


class ToBatches(beam.DoFn):
    """Turns lists of records into batches, those of a bundle together."""

    def __init__(self, record_format: RecordFormat) -> None:
        """Args: record_format: How records are read."""
        self._format = record_format

    def start_bundle(self) -> None:
        """Starts with nothing."""
        self._batcher = Batcher(self._format)

    def process(self, elements: Sequence[Any]) -> Iterator[Batch]:
        """Takes some records."""
        for element in elements:
            yield from self._batcher.add(element)

    def finish_bundle(self) -> Iterator[Any]:
        """Gives the rest."""
        for batch in self._batcher.rest():
            yield window.GlobalWindows.windowed_value_at_end_of_window(batch)
