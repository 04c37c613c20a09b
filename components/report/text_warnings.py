"""Warnings about a text whose lines are so long that few of them decide, or that much is cut."""

from __future__ import annotations

from ...errors import SettingError
from ..text_counts import TextCounts

# Share of all lines, the longest ones, that should not hold half of the tokens.
FEW_LINES = 0.01
# Share of the tokens that `max_length` should not cut.
MUCH_CUT = 0.01


def text_warnings(split: str, counts: TextCounts, max_length: int) -> list[SettingError]:
    """Says how long lines distort a split.

    Worked example: 99 lines of 5 targets and one of 900 have 1,395 targets. The longest line, 1 % of all, holds more
    than half of them. With `max_length` 50, 850 of them (61 %) are cut.

    Args:
        split: The name of the split.
        counts: What it holds.
        max_length: Most targets of a line.

    Returns:
        Warnings that name settings, made to be shown and not to be raised; empty if all is well.
    """
    warnings = []
    lines, tokens = longest_lines_of_half(counts)
    if 0 < lines <= FEW_LINES * counts.sentences:
        warnings.append(
            SettingError(
                f"{lines:,} of the {counts.sentences:,} lines of {split} {'holds' if lines == 1 else 'hold'} "
                f"{tokens / counts.targets:.0%} of its tokens, the longest {max(counts.lengths):,}; a line should be a "
                "sentence: split long lines before the pipeline"
            )
        )
    cut_lines, cut_tokens = counts.cut(max_length)
    if cut_tokens > MUCH_CUT * counts.targets:
        warnings.append(
            SettingError(
                f"{cut_tokens / counts.targets:.0%} of the tokens of {split} are cut off, in {cut_lines:,} lines of "
                f"more than {max_length:,} tokens; raise {{max_length}} (at most {{batch_tokens}}), or split long lines"
            )
        )
    return warnings


def longest_lines_of_half(counts: TextCounts) -> tuple[int, int]:
    """Returns how few lines hold half of the targets, and how many targets these hold.

    Args:
        counts: What a text holds. For 99 lines of 5 targets and one of 900: 1 and 900.
    """
    lines = tokens = 0
    for length in sorted(counts.lengths, reverse=True):
        missing = counts.targets / 2 - tokens
        taken = min(counts.lengths[length], max(0, int(-(-missing // length))))
        lines, tokens = lines + taken, tokens + taken * length
        if 2 * tokens >= counts.targets:
            break
    return lines, tokens
