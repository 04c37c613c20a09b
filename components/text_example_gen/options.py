"""Options of TextExampleGen: what is read and how it is split. Their only definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ...errors import SettingError, escape
from ...settings import WholeNumber
from ...text_files.errors import InputError
from ...text_files.options import RecordOptions
from .patterns import base_and_rests
from .places import check_place
from .span_choice import Wanted, check_marked
from .span_numbers import read_spans
from .spans import has_span


def _as_sequence(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


# A single one may be written without brackets.
Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_sequence)]


class SpanOptions(RecordOptions):
    """Options of a run that its node needs as they are."""

    # Spans that are missing between those that are read: error stops before any work, allow reads the others.
    span_gaps: Literal["error", "allow"] = "error"


class InputOptions(SpanOptions):
    """Which files are read, and how their lines are split."""

    # Files or patterns (.txt .jsonl .json .csv, each also with .gz or .zst, and .parquet; ** is any number of folders),
    # split into train and eval by a hash of each line.
    files: Patterns = ()
    # Instead of `files`: the corpus's own splits, for example {train: [train.txt], eval: [valid.txt]}.
    splits: dict[str, Patterns] = Field(default_factory=dict)
    # How many spans are read if patterns have {SPAN}, or {YYYY}, {MM} and {DD} (and {VERSION}): the newest ones.
    # Patterns without markers, for example of a held-out split, are read in each run.
    span_window: WholeNumber = Field(1, ge=1)
    # The last span of the window instead of the newest one, such as 7 or 2026-05-01; or the first and the last span to
    # read, such as [3, 7]. Empty: the newest.
    spans: Annotated[tuple[int, ...], BeforeValidator(read_spans)] = ()
    # The share of distinct lines that `files` gives to the eval split, in per cent.
    eval_percent: WholeNumber = Field(10, ge=1, le=99)

    @model_validator(mode="after")
    def _usable_patterns(self) -> InputOptions:
        if self.files and self.splits:
            raise SettingError("{files} and {splits} are both set; keep one of them")
        if self.splits and self.eval_percent != InputOptions.model_fields["eval_percent"].default:
            raise SettingError(
                f"{{eval_percent}}={self.eval_percent}: {{splits}} brings its own held-out split; remove "
                "{eval_percent}"
            )
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
            self._check_spans([(key, pattern) for key, pattern in everything if has_span(pattern)])
        return self

    def _check_spans(self, marked: Sequence[tuple[str, str]]) -> None:
        check_marked(marked)
        given = f"{{spans}}={escape(list(self.spans))}" if self.spans else f"{{span_window}}={self.span_window}"
        if not marked and (self.spans or self.span_window > 1):
            markers = escape("{SPAN}, or {YYYY}, {MM} and {DD}")
            raise SettingError(f"{given}: no pattern of {{files}} or {{splits}} has {markers}")
        if len(self.spans) > 1 and self.span_window > 1:
            raise SettingError(f"{given} and {{span_window}}={self.span_window} are both set; keep one of them")

    def wanted_spans(self) -> Wanted:
        """Returns which spans are read."""
        gaps = self.span_gaps == "allow"
        if len(self.spans) > 1:
            return Wanted(first=self.spans[0], last=self.spans[1], window=None, gaps=gaps)
        return Wanted(last=self.spans[0] if self.spans else None, window=self.span_window, gaps=gaps)

    def hash_buckets(self) -> dict[str, int]:
        """Returns the shares of the split by content; empty if the corpus brings its own splits."""
        return {} if self.splits else {"train": 100 - self.eval_percent, "eval": self.eval_percent}
