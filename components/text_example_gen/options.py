"""Options of TextExampleGen: what is read and how it is split. Their only definition."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ...errors import SettingError, escape
from ...settings import Settings, WholeNumber
from .errors import InputError
from .patterns import base_and_rests


def _as_sequence(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


# A single one may be written without brackets.
Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_sequence)]


class RecordOptions(Settings):
    """How a record of a file is read."""

    # The field of .jsonl records or column of .parquet files that holds the text.
    text_field: str = Field("text", min_length=1)
    # What to do with a line that is not UTF-8: stop with its file and line number, or drop and count it.
    invalid_utf8: Literal["error", "drop"] = "error"


class InputOptions(RecordOptions):
    """Which files are read, and how their lines are split."""

    # Files or patterns (.txt .txt.gz .jsonl .jsonl.gz .parquet), split into train and eval by a hash of each line.
    files: Patterns = ()
    # Instead of `files`: the corpus's own splits, for example {train: [train.txt], eval: [valid.txt]}.
    splits: dict[str, Patterns] = Field(default_factory=dict)
    # The share of distinct lines that `files` gives to the eval split, in per cent.
    eval_percent: WholeNumber = Field(10, ge=1, le=99)

    @model_validator(mode="after")
    def _usable_patterns(self) -> InputOptions:
        if self.files and self.splits:
            raise SettingError("{files} and {splits} are both set; keep one of them")
        for name, patterns in self.splits.items():
            if not patterns:
                raise SettingError(f"{{splits}}.{escape(name)}: no file given")
        if everything := [*self.files, *itertools.chain.from_iterable(self.splits.values())]:
            try:
                base_and_rests(everything)
            except InputError as error:
                raise SettingError(f"{{{'splits' if self.splits else 'files'}}}: {error.template}") from error
        return self

    def hash_buckets(self) -> dict[str, int]:
        """Returns the shares of the split by content; empty if the corpus brings its own splits."""
        return {} if self.splits else {"train": 100 - self.eval_percent, "eval": self.eval_percent}
