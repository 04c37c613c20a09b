"""Overlap of splits: how many held-out lines are also trained on.

A corpus that brings its own splits may hold a line in both. The split by content cannot: equal lines share a bucket.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import apache_beam as beam

from .input_counts import Counts

# The split that the Trainer learns from; the lines of all others are held out.
TRAINED = "train"

_DIGEST_BYTES = 16
# One worker holds a bucket at a time: a thousandth of the corpus, and of that 16 bytes of each line.
_BUCKETS = 1024
_DIGESTS_HELD = 2**16

# Bucket, and split with its digests, one behind the other.
Block = tuple[int, tuple[str, bytes]]


def line_digest(text: str) -> bytes:
    """The first 128 bits of BLAKE2b of a text's UTF-8.

    White space around the text does not count, as in `splitting.content_bucket`.

    Args:
        text: The text of one example.

    Returns:
        16 bytes.
    """
    return hashlib.blake2b(text.strip().encode("utf-8"), digest_size=_DIGEST_BYTES).digest()


class LineDigests:
    """Collects the digests of lines into blocks, since a Beam element for each line would take 20 times the memory.

    A line that is trained on is there once in what `take` returns, so that a frequent one fills no bucket. Held-out
    lines are there as often as they were added.
    """

    def __init__(self) -> None:
        """Begins with no lines."""
        self._trained: set[bytes] = set()
        self._held_out: defaultdict[str, list[bytes]] = defaultdict(list)
        self._size = 0

    def add(self, split: str, text: str) -> None:
        """Adds a line of a split."""
        digest = line_digest(text)
        self._size += 1
        if split == TRAINED:
            self._trained.add(digest)
        else:
            self._held_out[split].append(digest)

    @property
    def full(self) -> bool:
        """Whether it is time to `take`."""
        return self._size >= _DIGESTS_HELD

    def take(self) -> list[Block]:
        """Returns the digests by bucket and split, and begins again."""
        blocks: defaultdict[tuple[int, str], bytearray] = defaultdict(bytearray)
        for split, digests in ((TRAINED, self._trained), *self._held_out.items()):
            for digest in digests:
                blocks[int.from_bytes(digest[:2], "big") % _BUCKETS, split] += digest
        self._trained, self._held_out, self._size = set(), defaultdict(list), 0
        return [(bucket, (split, bytes(block))) for (bucket, split), block in blocks.items()]


def count_also_trained(blocks: beam.PCollection) -> beam.PCollection:
    """Counts the held-out lines that are also trained on.

    Args:
        blocks: `Block`s of the whole corpus.

    Returns:
        `Counts` of each bucket, with `also_trained` alone.
    """
    return blocks | "GroupDigests" >> beam.GroupByKey() | "CountAlsoTrained" >> beam.MapTuple(_also_trained)


def _also_trained(bucket: int, blocks: Iterable[tuple[str, bytes]]) -> Counts:
    trained: set[bytes] = set()
    held_out: defaultdict[str, list[bytes]] = defaultdict(list)
    for split, block in blocks:
        if split == TRAINED:
            trained.update(_digests(block))
        else:
            held_out[split] += _digests(block)
    return Counts(
        also_trained={split: sum(digest in trained for digest in digests) for split, digests in held_out.items()}
    )


def _digests(block: bytes) -> Sequence[bytes]:
    return [block[start : start + _DIGEST_BYTES] for start in range(0, len(block), _DIGEST_BYTES)]
