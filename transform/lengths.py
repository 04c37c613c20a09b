"""Maximum length of a line for `max_length: auto`: exact, computed while Beam reads the corpus."""

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from ..errors import SettingError, escape
from .options import AUTO, MINIMUM_LENGTH

# Of all targets. A binary fraction cannot express it and would decide ties by chance.
KEPT_SHARE = Fraction(999, 1000)


def smallest_length(lines: Mapping[int, int]) -> int:
    """Finds the smallest `max_length` that keeps `KEPT_SHARE` of the tokens.

    Ninety lines of 10 targets and one of 100 are 1000 tokens. Cut to 99 targets, 999 of them are kept:

        smallest_length({10: 90, 100: 1})  ->  99

    Args:
        lines: Number of lines by length, in targets (words and `</s>`).

    Returns:
        The length in targets, at least 2.
    """
    total = sum(length * count for length, count in lines.items())
    needed = KEPT_SHARE * total
    # One step longer adds a token to each line that is longer, so between two lengths it grows evenly.
    kept, reached, longer = 0, 0, sum(lines.values())
    for length in sorted(lines):
        if kept + longer * (length - reached) >= needed:
            # Rounded up: `-(-a // b)`.
            return max(MINIMUM_LENGTH, reached - (-(needed - kept) // longer))
        kept += longer * (length - reached)
        reached = length
        longer -= lines[length]
    return MINIMUM_LENGTH


class SmallestLength(beam.CombineFn):
    """Combines batches of line lengths into `smallest_length`; in any order, the result is the same.

    The accumulator counts lines by length, so its size is the number of different lengths.
    """

    def create_accumulator(self) -> Counter[int]:
        """Returns the empty counts."""
        return Counter()

    def add_input(self, accumulator: Counter[int], lengths: np.ndarray) -> Counter[int]:
        """Adds a batch: int64 `[batch]`, targets in each line."""
        values, counts = np.unique(lengths, return_counts=True)
        accumulator.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Counter[int]]) -> Counter[int]:
        """Adds up counts of different shards."""
        merged: Counter[int] = Counter()
        for accumulator in accumulators:
            merged.update(accumulator)
        return merged

    def extract_output(self, accumulator: Counter[int]) -> np.ndarray:
        """Returns the length, an int64 scalar."""
        return np.array(smallest_length(accumulator), np.int64)


class _FindLength(beam.PTransform):
    """Turns the batches that an analyzer receives (tuples with one array each) into the length."""

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        return batches | "Lengths" >> beam.Map(_first) | "Smallest" >> beam.CombineGlobally(SmallestLength())


def _first(arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    return arrays[0]


def maximum_length(setting: Any, lengths: tf.Tensor, auto_limit: int | None = None) -> tf.Tensor:
    """Resolves `max_length` within a `preprocessing_fn`.

    Args:
        setting: The number itself, or `"auto"`: the smallest that keeps at least 99.9 % of the targets.
        lengths: int64 `[batch]`, targets in each line before anything is cut.
        auto_limit: With `"auto"`, at most this; None: no limit.

    Returns:
        int64 scalar: the maximum number of targets of a line.

    Raises:
        ValueError: If the setting is neither `"auto"` nor an integer >= 2.
    """
    if setting == AUTO:
        (length,) = tft.experimental.ptransform_analyzer(
            inputs=[lengths],
            ptransform=_FindLength(),
            output_dtypes=[tf.int64],
            output_shapes=[[]],
            name="max_length",
        )
        return length if auto_limit is None else tf.minimum(length, tf.constant(auto_limit, tf.int64))
    if isinstance(setting, bool) or not isinstance(setting, int) or setting < MINIMUM_LENGTH:
        raise SettingError(
            f"{{max_length}}={escape(repr(setting))}: must be >= {MINIMUM_LENGTH} or {AUTO}; set {{max_length}}"
        )
    return tf.constant(setting, tf.int64)
