"""Length buckets: sentences of like length share a batch, so that little of it is padding."""

from __future__ import annotations

import dataclasses

import numpy as np

# Buckets are added until the share of padding is at most this, or there are MOST_BUCKETS of them.
PADDING_GOAL = 0.02
MOST_BUCKETS = 24
# The search is quadratic in the number of different lengths; more than this are merged into as many steps.
MOST_LENGTHS = 400


@dataclasses.dataclass(frozen=True)
class Buckets:
    """Length buckets: which sentences share a batch, and how many of them.

    Attributes:
        boundaries: The longest length of each bucket, rising; a bucket holds the lengths above the boundary
            before its own, up to its own.
        batch_sizes: Sentences of a full batch of each bucket.
        batches: How many batches one pass over the data makes, the incomplete last one of each bucket
            included.
        padding: The share of padded positions, 0 to 1, if every batch is as long as its boundary: an upper
            bound, since a batch is only as long as its longest sentence.
    """

    boundaries: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    batches: int
    padding: float


def choose_buckets(histogram: np.ndarray, batch_tokens: int) -> Buckets:
    """Chooses the boundaries that leave the least padding.

    It takes the fewest buckets that reach `PADDING_GOAL`. For each number of buckets, dynamic programming over the
    lengths that occur finds the best boundaries.

    Args:
        histogram: [longest + 1] int, how many sentences have each length, in target tokens; no length is 0.
        batch_tokens: Positions of a batch. A longer sentence is a batch by itself.

    Returns:
        The buckets. Example: lengths 2, 2, 2 and 7 with 20 positions give boundaries (2, 7), batch sizes
        (10, 2), 2 batches and no padding.

    Raises:
        ValueError: if the histogram is empty or has sentences of length 0.
    """
    histogram = np.asarray(histogram, np.int64)
    if histogram.sum() == 0:
        raise ValueError("no sentences to choose length buckets for")
    if histogram[0] != 0:
        raise ValueError(f"{histogram[0]} sentences have no tokens: each must have at least </s>")
    lengths, counts = _merged(histogram)
    real = int(np.arange(len(histogram)) @ histogram)
    for ends in _best_ends(lengths, counts):
        boundaries = lengths[ends]
        sentences = np.diff(np.concatenate([[0], np.cumsum(counts)[ends]]))
        padding = 1.0 - real / float(boundaries @ sentences)
        if padding <= PADDING_GOAL:
            break
    sizes = np.maximum(1, batch_tokens // boundaries)
    return Buckets(
        boundaries=tuple(int(boundary) for boundary in boundaries),
        batch_sizes=tuple(int(size) for size in sizes),
        batches=int(np.sum(-(-sentences // sizes))),
        padding=padding,
    )


def _merged(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the lengths that occur and their counts, at most MOST_LENGTHS of them, the longest always."""
    lengths = np.flatnonzero(histogram)
    if len(lengths) > MOST_LENGTHS:
        kept = lengths[np.unique(np.linspace(0, len(lengths) - 1, MOST_LENGTHS).astype(int))]
        counts = np.bincount(np.searchsorted(kept, lengths), weights=histogram[lengths], minlength=len(kept))
        return kept, counts.astype(np.int64)
    return lengths, histogram[lengths]


def _best_ends(lengths: np.ndarray, counts: np.ndarray):
    """Yields for 1, 2, … buckets the indices of the best boundaries in `lengths`."""
    total = np.concatenate([[0], np.cumsum(counts)])
    most = min(MOST_BUCKETS, len(lengths))
    # cost[k][i]: the fewest positions that the first i lengths need in k + 1 buckets.
    cost = lengths * total[1:]
    cost = np.concatenate([[0], cost]).astype(np.float64)
    # width[i, j]: positions of a bucket of the lengths i … j - 1.
    ends = np.concatenate([[0], lengths])
    width = ends[None, :] * (total[None, :] - total[:, None]).astype(np.float64)
    width[np.tril_indices(len(total), -1)] = np.inf
    choices: list[np.ndarray] = []
    for number in range(1, most + 1):
        if number > 1:
            options = cost[:, None] + width
            choices.append(np.argmin(options, axis=0))
            cost = np.min(options, axis=0)
        position, found = len(lengths), []
        for choice in [*reversed(choices), None]:
            found.append(position - 1)
            if choice is not None:
                position = int(choice[position])
        # A number of buckets that gains nothing repeats a boundary.
        yield np.unique([end for end in found if end >= 0])
