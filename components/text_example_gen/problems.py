"""What the user is told about records and files that cannot be used: which, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO

from ...errors import escape
from ...text_files.errors import InputError, UnreadableFileError
from ...text_files.file_types import file_type
from ...text_files.parsing import Problem
from ...text_files.problems import what_and_remedy
from ...text_files.records import numbered_records
from ...text_files.unpacking import content_errors

if TYPE_CHECKING:
    from .input_counts import Counts

# Places that are named for each problem; the total is always given.
NAMED_PLACES = 5

OpenFile = Callable[[str], AbstractContextManager[BinaryIO]]


def describe(counts: Counts, text_field: str, open_file: OpenFile) -> str:
    """Names everything that makes the input unusable, with line numbers.

    Reading in ranges knows no line numbers, so the first files with problems are read again here, each up to the
    last line that is named.

    Args:
        counts: Of the whole input.
        text_field: The JSON field or Parquet column that was looked for.
        open_file: Opens a file, as it is stored, for reading bytes.

    Returns:
        The template of a `SettingError`, one line for each kind of problem; empty if there is no problem.
    """
    sentences = [f"{escape(path)}: {reason}" for path, reason in counts.unreadable_files.items()]
    for problem, total in sorted(counts.problems.items(), key=lambda item: item[0].value):
        places: list[str] = []
        for (problem_here, path), count in counts.problem_files.items():
            wanted = min(count, NAMED_PLACES - len(places)) if problem_here is problem else 0
            if wanted:
                name = file_type(path).record_name
                numbers = _numbers(path, problem, wanted, text_field, open_file)
                places.extend(f"{path} {name} {number}" for number in numbers)
        without = counts.problems.get(Problem.NO_TEXT, 0)
        what, remedy = what_and_remedy(
            problem, text_field, counts.records_with_text, counts.records_with_text + without
        )
        more = ", …" if total > len(places) else ""
        records = "1 line" if total == 1 else f"{total:,} lines"
        sentences.append(f"{records} {what}: {escape(', '.join(places))}{more}; {remedy}")
    return "\n".join(sentences)


def _numbers(path: str, problem: Problem, wanted: int, text_field: str, open_file: OpenFile) -> Iterator[int]:
    """The numbers of the first records of a file that have a problem."""
    try:
        with content_errors(), open_file(path) as file:
            for number, parsed in numbered_records(file, path, text_field):
                if parsed.problem is problem:
                    yield number
                    wanted -= 1
                    if not wanted:
                        return
    except UnreadableFileError as error:
        raise InputError(f"{escape(path)}: {error.template}") from error
