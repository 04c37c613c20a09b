"""What the user is told about records and files that cannot be used: which, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO

from ...errors import escape
from ...transform.lines import MAX_LINE_BYTES
from .errors import InputError, UnreadableFileError
from .file_types import file_type
from .parsing import Problem
from .records import content_errors, numbered_records

if TYPE_CHECKING:
    from .input_counts import Counts

# Places that are named for each problem; the total is always given.
NAMED_PLACES = 5

OpenFile = Callable[[str], AbstractContextManager[BinaryIO]]

_WHAT = {
    Problem.INVALID_UTF8: "not valid UTF-8",
    Problem.NOT_JSON: "not valid JSON",
    Problem.NO_TEXT: "without a string in field ",
    Problem.TOO_LONG: f"longer than {MAX_LINE_BYTES // 2**20} MiB",
}
_REMEDY = {
    Problem.INVALID_UTF8: "repair the text, or set {invalid_utf8} to drop",
    Problem.NOT_JSON: "each line must hold one JSON object",
    Problem.NO_TEXT: "set {text_field} to the field that holds the text",
    Problem.TOO_LONG: "a line is one example: break the text into sentences or paragraphs",
}


def _what(problem: Problem, text_field: str) -> str:
    return _WHAT[problem] + (escape(repr(text_field)) if problem is Problem.NO_TEXT else "")


def line_problem(problem: Problem, path: str, number: int, text_field: str) -> str:
    """Returns one sentence about one record, the template of a `SettingError`.

    Args:
        problem: What is wrong.
        path: The file.
        number: The line or row, from 1.
        text_field: The JSON field that was looked for.

    Returns:
        Such as `a.jsonl line 3: not valid JSON; each line must hold one JSON object`.
    """
    place = escape(f"{path} {file_type(path).record_name} {number}")
    return f"{place}: {_what(problem, text_field)}; {_REMEDY[problem]}"


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
        what = _what(problem, text_field)
        more = ", …" if total > len(places) else ""
        records = "1 line" if total == 1 else f"{total:,} lines"
        sentences.append(f"{records} {what}: {escape(', '.join(places))}{more}; {_REMEDY[problem]}")
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
