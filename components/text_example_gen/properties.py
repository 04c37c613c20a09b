"""Custom properties of the Examples: how many lines were read, dropped and written."""

from __future__ import annotations

from .input_counts import Counts

INVALID_UTF8_DROPPED = "invalid_utf8_dropped"
# Patterns that match no file beside others that do, one a line.
UNMATCHED_PATTERNS = "unmatched_patterns"
INVALID_RECORDS_DROPPED = "invalid_records_dropped"
# How files were divided into documents, if they were.
DOCUMENTS = "documents"
# What the name of a split follows: its Examples, and those of them that are also in the split that is trained on.
EXAMPLES = "examples_"
ALSO_TRAINED = "also_trained_"


def properties(counts: Counts) -> dict[str, int]:
    """Returns the custom properties by name, such as `examples_eval`."""
    return {
        "lines": counts.lines,
        "empty_lines_dropped": counts.empty_lines_dropped,
        INVALID_UTF8_DROPPED: counts.invalid_utf8_dropped,
        INVALID_RECORDS_DROPPED: counts.invalid_records_dropped,
        **{EXAMPLES + split: count for split, count in counts.examples.items()},
        **{ALSO_TRAINED + split: count for split, count in counts.also_trained.items()},
    }
