"""Grouping of sentences by length, so that scoring them in batches wastes little and needs bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import SettingError

# Rows and padded bytes (rows times the longest row) of one call of the model. A token has at least one byte, so the
# bytes bound the tokens, and with them the logits, for every tokenizer.
MAX_ROWS = 256
MAX_PADDED_BYTES = 16_384


def batches_by_length(sizes: Sequence[int], batch_bytes: int = MAX_PADDED_BYTES) -> list[np.ndarray]:
    """Splits rows into batches of similar length and at most `MAX_ROWS` rows.

    Worked example, `batch_bytes=12`: sizes `[2, 9, 3, 4]` give `[[0, 2, 3], [1]]`: three rows padded to 4 are 12,
    and 9 is alone.

    Args:
        sizes: Length of each row, in bytes.
        batch_bytes: Largest number of rows times longest row; a longer row is a batch of one.

    Returns:
        Arrays of row numbers, int64; each row is in exactly one. Shorter rows come first.

    Raises:
        SettingError: If `batch_bytes` is below 1.
    """
    if batch_bytes < 1:
        raise SettingError(f"{{batch_bytes}}={batch_bytes}: must be >= 1; set {{batch_bytes}}")
    batches: list[np.ndarray] = []
    batch: list[int] = []
    for row in np.argsort(np.asarray(sizes, dtype=np.int64), kind="stable"):
        if batch and (len(batch) == MAX_ROWS or (len(batch) + 1) * max(1, sizes[row]) > batch_bytes):
            batches.append(np.array(batch))
            batch = []
        batch.append(int(row))
    if batch:
        batches.append(np.array(batch))
    return batches
