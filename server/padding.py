"""Padding of the rows of a call's outputs: removed from each row, and added again to the rows of a request."""

from __future__ import annotations

import dataclasses

import numpy as np

# Arrays [rows, ...] by the output's name.
Outputs = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Padding:
    """Padding of the rows of a call's outputs.

    Attributes:
        names: The padded outputs, [batch, time].
        lengths: The number of values of each row, int [batch].
        number: The padding of numbers; strings are padded with empty ones.
    """

    names: frozenset[str]
    lengths: np.ndarray
    number: float

    def row(self, outputs: Outputs, index: int) -> Outputs:
        """Returns one row of the outputs, without padding."""
        return {
            name: array[index, : self.lengths[index]] if name in self.names else array[index]
            for name, array in outputs.items()
        }

    def stacked(self, rows: list[Outputs]) -> Outputs:
        """Returns rows as arrays [rows, ...]; the padded outputs have the length of the longest row."""
        return {name: self._stacked(name, [row[name] for row in rows]) for name in rows[0]}

    def _stacked(self, name: str, rows: list[np.ndarray]) -> np.ndarray:
        if name not in self.names or len({len(row) for row in rows}) == 1:
            return np.stack(rows)
        empty = b"" if rows[0].dtype == object else rows[0].dtype.type(self.number)
        array = np.full([len(rows), max(map(len, rows))], empty, rows[0].dtype)
        for index, row in enumerate(rows):
            array[index, : len(row)] = row
        return array


def find_padding(outputs: Outputs, words: np.ndarray | None) -> Padding:
    """Finds the padding of a call: outputs of the mask's shape, or the words of `next_word` beyond each row's number.

    Args:
        outputs: The call's outputs.
        words: The number of proposed words of each row, int [batch]; None for another signature than `next_word`, and
            for one number for all rows.
    """
    if "mask" in outputs:
        shape = outputs["mask"].shape
        names = frozenset(name for name, array in outputs.items() if array.shape == shape)
        return Padding(names, outputs["mask"].sum(axis=1).astype(int), 0.0)
    if words is not None:
        return Padding(frozenset(outputs), words, -np.inf)
    return Padding(frozenset(), np.array([]), 0.0)
