"""What was read, dropped and refused: a value that is made per bundle and merged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...exported.additive import Additive
from ...text_files.parsing import Problem

# Files with problems that are remembered by name, so that a corpus of broken files does not fill the memory.
NAMED_FILES = 20


@dataclass(frozen=True)
class Counts(Additive):
    """Counts of lines (rows, for Parquet) over some part of the input.

    `+` and `merge` add. `Counts()` changes nothing, and neither order nor grouping matters: a file that is among the
    first `NAMED_FILES` of a whole is among the first of every part, so its count is never lost on the way.

    Attributes:
        lines: All that was read.
        empty_lines_dropped: Empty or nothing but white space.
        invalid_utf8_dropped: Not UTF-8, and dropped by configuration.
        examples: Examples written, by split.
        problems: Records that are errors, by problem.
        problem_files: The same by problem and file; of each problem the first `NAMED_FILES` files by name.
        unreadable_files: Why, by file; the first `NAMED_FILES` by name.
        invalid_records_dropped: Without a usable text, and dropped by configuration.
        records_with_text: Records of files with fields (JSON, CSV, Parquet) that have a text.
        also_trained: Held-out Examples whose text is also in the train split, by split; empty where the content decides
            about the split.
    """

    lines: int = 0
    empty_lines_dropped: int = 0
    invalid_utf8_dropped: int = 0
    examples: Mapping[str, int] = field(default_factory=dict)
    problems: Mapping[Problem, int] = field(default_factory=dict)
    problem_files: Mapping[tuple[Problem, str], int] = field(default_factory=dict)
    unreadable_files: Mapping[str, str] = field(default_factory=dict)
    invalid_records_dropped: int = 0
    records_with_text: int = 0
    also_trained: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        """Adds the counts of another part."""
        return Counts(
            lines=self.lines + other.lines,
            empty_lines_dropped=self.empty_lines_dropped + other.empty_lines_dropped,
            invalid_utf8_dropped=self.invalid_utf8_dropped + other.invalid_utf8_dropped,
            examples=_sum(self.examples, other.examples),
            problems=_sum(self.problems, other.problems),
            problem_files=first_files(_sum(self.problem_files, other.problem_files)),
            unreadable_files=_first_reasons(self.unreadable_files, other.unreadable_files),
            invalid_records_dropped=self.invalid_records_dropped + other.invalid_records_dropped,
            records_with_text=self.records_with_text + other.records_with_text,
            also_trained=_sum(self.also_trained, other.also_trained),
        )

    def to_json(self) -> str:
        """The counts as one JSON object."""
        return json.dumps(
            {
                "lines": self.lines,
                "empty_lines_dropped": self.empty_lines_dropped,
                "invalid_utf8_dropped": self.invalid_utf8_dropped,
                "examples": dict(self.examples),
                "problems": {problem.value: count for problem, count in self.problems.items()},
                "problem_files": [
                    [problem.value, path, count] for (problem, path), count in self.problem_files.items()
                ],
                "unreadable_files": dict(self.unreadable_files),
                "invalid_records_dropped": self.invalid_records_dropped,
                "records_with_text": self.records_with_text,
                "also_trained": dict(self.also_trained),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Counts:
        """Reads what `to_json` wrote."""
        tree = json.loads(text)
        return cls(
            lines=tree["lines"],
            empty_lines_dropped=tree["empty_lines_dropped"],
            invalid_utf8_dropped=tree["invalid_utf8_dropped"],
            examples=tree["examples"],
            problems={Problem(problem): count for problem, count in tree["problems"].items()},
            problem_files={(Problem(problem), path): count for problem, path, count in tree["problem_files"]},
            unreadable_files=tree["unreadable_files"],
            invalid_records_dropped=tree["invalid_records_dropped"],
            records_with_text=tree["records_with_text"],
            also_trained=tree["also_trained"],
        )


def _sum(left: Mapping, right: Mapping) -> dict:
    total = Counter(left)
    total.update(right)
    return dict(total)


def first_files(counts: Mapping[tuple[Problem, str], int]) -> dict[tuple[Problem, str], int]:
    """Keeps the first `NAMED_FILES` files of each problem, by name.

    Args:
        counts: Counts by problem and file.

    Returns:
        The counts that are kept, in order of problem and file.
    """
    kept: dict[tuple[Problem, str], int] = {}
    files_of: Counter[Problem] = Counter()
    for problem, path in sorted(counts, key=lambda key: (key[0].value, key[1])):
        if files_of[problem] < NAMED_FILES:
            files_of[problem] += 1
            kept[problem, path] = counts[problem, path]
    return kept


def _first_reasons(left: Mapping[str, str], right: Mapping[str, str]) -> dict[str, str]:
    # The same file may fail in two of its ranges with different words; the smaller text wins in any order.
    merged = dict(sorted([*left.items(), *right.items()], reverse=True))
    return {path: merged[path] for path in sorted(merged)[:NAMED_FILES]}
