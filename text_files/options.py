"""Options of reading a record. The one definition of their types, bounds and defaults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..settings import Settings
from .parsing import Problem


class RecordOptions(Settings):
    """Options of reading a record of a file."""

    # The field of JSON records, or the column of CSV and Parquet files, that holds the text; a.b is the field b of a.
    text_field: str = Field("text", min_length=1)
    # A line that is not UTF-8: error stops with its file and line number, drop drops and counts it.
    invalid_utf8: Literal["error", "drop"] = "error"
    # A record that is not JSON, has no string in the field, has the field twice or is longer than 16 MiB: error stops
    # with its file and line number, drop drops and counts it. A null is dropped and counted like an empty line.
    invalid_records: Literal["error", "drop"] = "error"

    def drops(self, problem: Problem) -> bool:
        """Returns whether a record with a problem is dropped and counted; otherwise it is an error."""
        return (self.invalid_utf8 if problem is Problem.INVALID_UTF8 else self.invalid_records) == "drop"
