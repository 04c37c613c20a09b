"""Which split a line belongs to, decided by its content alone."""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections.abc import Mapping


def content_bucket(text: str, buckets: int) -> int:
    """The bucket of a text: the first 8 bytes of the SHA-256 of its UTF-8, modulo the number of buckets.

    White space around the text does not count, so that two lines that differ in nothing else stay together.

    Args:
        text: The text of one example.
        buckets: Number of buckets, at least 1.

    Returns:
        A number from 0 to `buckets` - 1. It depends on nothing but the two arguments: a line keeps its bucket
        whatever else is in the corpus.
    """
    digest = hashlib.sha256(text.strip().encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") % buckets


class HashSplit:
    """Splits texts by their content, in given proportions.

    With `{"train": 9, "eval": 1}`, buckets 0 to 8 of 10 are `train` and bucket 9 is `eval`.
    """

    def __init__(self, hash_buckets: Mapping[str, int]) -> None:
        """Checks the proportions.

        Args:
            hash_buckets: Number of buckets by name of split. Their order matters: the first split takes the first
                buckets.

        Raises:
            ValueError: There is no split, or a split has no bucket.
        """
        if not hash_buckets:
            raise ValueError("hash_buckets={}: must name at least one split")
        for name, buckets in hash_buckets.items():
            if not name or buckets < 1:
                raise ValueError(f"hash_buckets={dict(hash_buckets)}: split {name!r} must have a name and >= 1 bucket")
        self.names = tuple(hash_buckets)
        self._bounds = list(itertools.accumulate(hash_buckets.values()))

    def split_of(self, text: str) -> str:
        """The name of the split that a text belongs to.

        Args:
            text: The text of one example.

        Returns:
            One of `names`.
        """
        return self.names[bisect.bisect(self._bounds, content_bucket(text, self._bounds[-1]))]
