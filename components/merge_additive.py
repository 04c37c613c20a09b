"""Beam CombineFn that merges additive values, such as counts and sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam

from ..exported.additive import Additive


class MergeAdditive(beam.CombineFn):
    """Adds values of one type; the sum of no values is the empty value."""

    def __init__(self, kind: type[Additive]) -> None:
        """Makes the CombineFn.

        Args:
            kind: The type of the values; `kind()` is the empty value.
        """
        self._kind = kind

    def create_accumulator(self) -> Any:
        """Returns the empty value."""
        return self._kind()

    def add_input(self, accumulator: Any, element: Any) -> Any:
        """Adds one value."""
        return accumulator + element

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        """Adds partial sums; the iterable may be readable only once."""
        return self._kind.merge(accumulators)

    def extract_output(self, accumulator: Any) -> Any:
        """Returns the sum."""
        return accumulator
