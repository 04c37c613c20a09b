"""Record of the input, and how Beam moves lists of records."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import apache_beam as beam

from ...text_files.parsing import Parsed


class Record(NamedTuple):
    """One line or row of the input.

    Attributes:
        split: The split that its file was given for, or "" where the content decides.
        path: The file.
        parsed: Its text or problem; None where the file cannot be read further.
        why_unreadable: The reason for that, the template of a `SettingError`.
        has_fields: Whether the file's records have named fields, one of them for the text.
        whole: The record as `text_files.records.whole_records_of` gives it, if it is asked for.
        document: What decides about the split of its whole document; "" if the line itself does.
        context: The end of what came before it in its document.
    """

    split: str
    path: str
    parsed: Parsed | None
    why_unreadable: str = ""
    has_fields: bool = False
    whole: Any = None
    document: str = ""
    context: str = ""


class Records(list[Record]):
    """Records in a list; a type of its own, so that Beam finds its coder."""


class RecordsCoder(beam.coders.Coder):
    """Pickles records. Beam asks for the sizes of some; its own coder would pickle each record for that alone."""

    def encode(self, value: Records) -> bytes:
        """Returns records as bytes."""
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def decode(self, encoded: bytes) -> Records:
        """Returns what `encode` got."""
        # Beam's own bytes, between its own steps.
        records: Records = pickle.loads(encoded)  # noqa: S301
        return records

    def estimate_size(self, value: Records) -> int:
        """Returns about how many bytes they take: their characters."""
        return sum(len(record.parsed.text) for record in value if record.parsed)

    def to_type_hint(self) -> type[Records]:
        """Returns the type of the values."""
        return Records


beam.coders.registry.register_coder(Records, RecordsCoder)
