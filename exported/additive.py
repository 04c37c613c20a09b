"""Additive values: sums that every score is computed from, merged over sentences, batches, bundles and workers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

Sums = TypeVar("Sums", bound="Additive")


class Additive:
    """Base of a frozen dataclass whose fields can be added, and whose defaults are the empty sum."""

    @classmethod
    def empty(cls: type[Sums]) -> Sums:
        """Returns the sum of nothing."""
        return cls()

    @classmethod
    def merge(cls: type[Sums], parts: Iterable[Sums]) -> Sums:
        """Adds any number of sums, read once; without any, returns the empty sum."""
        total = cls.empty()
        for part in parts:
            total = total + part
        return total

    def __add__(self: Sums, other: Any) -> Sums:
        """Adds field by field; the two must cover disjoint sets of sentences."""
        if not isinstance(other, type(self)):
            return NotImplemented
        names = [field.name for field in dataclasses.fields(self)]  # type: ignore[arg-type]
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in names})
