"""Statistics of the text that a model was trained on, kept beside it, so that later text can be compared with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from .slices import LENGTH_NAMES, LENGTHS

__all__ = ["TextStatistics"]


@dataclasses.dataclass(frozen=True)
class TextStatistics:
    """Lines, tokens and unknown words of a text, as a model reads it; `</s>` is not among the tokens.

    Worked example, `the cat sat` and `cat`, with one unknown word: 2 lines, 4 tokens, 1 unknown; 2.0 tokens per line, a
    share of 0.25 unknown, and all lines are of `0 to 10` tokens.

    Attributes:
        lines: Number of lines.
        tokens: Number of their tokens, at most as many of a line as the model reads.
        unknown: Number of tokens that the model's vocabulary does not hold.
        looked_up: Number of tokens that these are among.
        longest: Most tokens of a line.
        by_length: Number of lines by number of tokens; the names are those of the slices `sentence_length`.
    """

    lines: int
    tokens: int
    unknown: int
    looked_up: int
    longest: int
    by_length: Mapping[str, int]

    @classmethod
    def count(
        cls, lengths: Mapping[int, int], unknown: int, looked_up: int, longest: int | None = None
    ) -> TextStatistics:
        """Makes the statistics.

        Args:
            lengths: Number of lines by number of targets: the tokens and `</s>`.
            unknown: Number of unknown tokens.
            looked_up: Number of tokens that these are among.
            longest: Most tokens that are counted of a line; None: all.
        """
        tokens = np.array([length - 1 for length in lengths], np.int64)
        lines = np.array(list(lengths.values()), np.int64)
        if longest is not None:
            tokens = np.minimum(tokens, longest)
        groups = np.bincount(np.searchsorted(LENGTHS, tokens), weights=lines, minlength=len(LENGTH_NAMES))
        return cls(
            lines=int(lines.sum()),
            tokens=int(tokens @ lines),
            unknown=unknown,
            looked_up=looked_up,
            longest=int(tokens.max(initial=0)),
            by_length=dict(zip(LENGTH_NAMES, map(int, groups), strict=True)),
        )

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> TextStatistics:
        """Reads what `dataclasses.asdict` made.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        numbers = {field.name: int(tree[field.name]) for field in dataclasses.fields(cls) if field.name != "by_length"}
        return cls(**numbers, by_length={str(name): int(lines) for name, lines in dict(tree["by_length"]).items()})

    @property
    def tokens_per_line(self) -> float:
        """Mean number of tokens of a line; 0 without lines."""
        return self.tokens / self.lines if self.lines else 0.0

    @property
    def unknown_share(self) -> float:
        """Share of the tokens that the vocabulary does not hold, 0 to 1; 0 without tokens."""
        return self.unknown / self.looked_up if self.looked_up else 0.0

    def length_share(self, name: str) -> float:
        """Returns the share of the lines of some length, 0 to 1; 0 without lines.

        Args:
            name: One of `slices.LENGTH_NAMES`.
        """
        return self.by_length.get(name, 0) / self.lines if self.lines else 0.0
