"""Options of TextExampleGen: what is read and how it is split. Their only definition."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from ...errors import SettingError, escape
from ...settings import WholeNumber
from ...text_files.errors import InputError
from ...text_files.options import RecordOptions
from .patterns import base_and_rests
from .places import check_place


def _as_sequence(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


# A single one may be written without brackets.
Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_sequence)]


class InputOptions(RecordOptions):
    """Which files are read, and how their lines are split."""

    # Files or patterns (.txt .jsonl .json .csv, each also with .gz or .zst, and .parquet; ** is any number of folders),
    # split into train and eval by a hash of each line.
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
        everything = [("{files}", pattern) for pattern in self.files] + [
            (f"{{splits}}.{escape(name)}", pattern) for name, patterns in self.splits.items() for pattern in patterns
        ]
        for key, pattern in everything:
            check_place(key, pattern)
        if everything:
            try:
                base_and_rests([pattern for _, pattern in everything])
            except InputError as error:
                raise SettingError(f"{{{'splits' if self.splits else 'files'}}}: {error.template}") from error
        return self

    def hash_buckets(self) -> dict[str, int]:
        """Returns the shares of the split by content; empty if the corpus brings its own splits."""
        return {} if self.splits else {"train": 100 - self.eval_percent, "eval": self.eval_percent}
