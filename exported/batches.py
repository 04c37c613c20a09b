"""Grouping of sentences by length, so that scoring them in batches wastes little and needs bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Rows and padded bytes (rows times the longest row) of one call of the model. A token has at least one byte, so the
# bytes bound the tokens, and with them the logits, for every tokenizer.
MAX_ROWS = 256
MAX_PADDED_BYTES = 16_384


def batches_by_length(
    sizes: Sequence[int], max_padded: int = MAX_PADDED_BYTES, max_rows: int = MAX_ROWS
) -> list[np.ndarray]:
    """Splits rows into batches of similar length.

    Worked example, `max_padded=12`: sizes `[2, 9, 3, 4]` give `[[0, 2, 3], [1]]`: three rows padded to 4 are 12,
    and 9 is alone.

    Args:
        sizes: Length of each row, in bytes.
        max_padded: Largest number of rows times longest row; a longer row is a batch of one.
        max_rows: Largest number of rows.

    Returns:
        Arrays of row numbers, int64; each row is in exactly one. Shorter rows come first.

    Raises:
        ValueError: If a limit is below 1.
    """
    for name, limit in (("max_padded", max_padded), ("max_rows", max_rows)):
        if limit < 1:
            raise ValueError(f"{name}={limit}: must be >= 1")
    batches: list[np.ndarray] = []
    batch: list[int] = []
    for row in np.argsort(np.asarray(sizes, dtype=np.int64), kind="stable"):
        if batch and (len(batch) == max_rows or (len(batch) + 1) * max(1, sizes[row]) > max_padded):
            batches.append(np.array(batch))
            batch = []
        batch.append(int(row))
    if batch:
        batches.append(np.array(batch))
    return batches
