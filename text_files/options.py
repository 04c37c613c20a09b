"""Options of reading a record. The one definition of their types, bounds and defaults."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ..errors import SettingError
from ..settings import WholeNumber
from .documents import Documents
from .normalization import NormalizationOptions
from .parsing import Problem


class RecordOptions(NormalizationOptions):
    """Options of reading a record of a file."""

    # The field of JSON records, or the column of CSV and Parquet files, that holds the text; a.b is the field b of a.
    text_field: str = Field("text", min_length=1)
    # A line that is not UTF-8: error stops with its file and line number, drop drops and counts it.
    invalid_utf8: Literal["error", "drop"] = "error"
    # A record that is not JSON, has no string in the field, has the field twice or is longer than 16 MiB: error stops
    # with its file and line number, drop drops and counts it. A null is dropped and counted like an empty line.
    invalid_records: Literal["error", "drop"] = "error"

    # Which lines are a document, read in order and never divided between splits: blank_line, those between blank lines
    # of a .txt file; record, those of each text of a .jsonl, .json, .csv or .parquet file; file, all of a file; none.
    documents: Documents = "none"
    # Tokens that the model reads before each line, of what came before it in its document; 0: each line stands alone.
    context_tokens: WholeNumber = Field(0, ge=0)

    @model_validator(mode="after")
    def _context_is_of_documents(self) -> RecordOptions:
        if self.context_tokens and self.documents == "none":
            raise SettingError(
                f"{{context_tokens}}={self.context_tokens}: lines have a context only within documents; set "
                "{documents} to blank_line, record or file"
            )
        return self

    def drops(self, problem: Problem) -> bool:
        """Returns whether a record with a problem is dropped and counted; otherwise it is an error."""
        return (self.invalid_utf8 if problem is Problem.INVALID_UTF8 else self.invalid_records) == "drop"
