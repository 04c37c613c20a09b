"""Text of a benchmark: the lines of a file, or made-up ones."""

import random
from pathlib import Path

WORDS = 10_000
MADE_UP_LINES = 20_000


def read_lines(data: Path | None) -> list[str]:
    """Returns the lines that are not blank, or made-up ones if there is no file."""
    if data is None:
        return made_up_lines(MADE_UP_LINES)
    return [line for line in data.read_text(encoding="utf-8").split("\n") if line.strip()]


def made_up_lines(count: int, seed: int = 1) -> list[str]:
    """Returns lines of around 21 words, as in news text, with words by Zipf's law.

    Args:
        count: Number of lines.
        seed: Seed of the random words.
    """
    chance = random.Random(seed)
    ranks = [f"w{rank}" for rank in range(1, WORDS + 1)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    lengths = (max(1, round(chance.gammavariate(4.4, 4.8))) for _ in range(count))
    return [" ".join(chance.choices(ranks, weights, k=length)) for length in lengths]
