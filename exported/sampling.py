"""Choosing the next token: greedily, or by chance among the likely ones."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ..transform.vocabulary import RESERVED


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is drawn; the limits apply in this order.

    Attributes:
        temperature: Log-probabilities are divided by it: below 1 the likely words become likelier; 0 always takes
            the likeliest.
        top_k: Number of words drawn from, the likeliest; None: all.
        top_p: Of these, the fewest that have this share of the probability together (Holtzman et al. 2020,
            https://arxiv.org/abs/1904.09751); 1.0: all.

    Raises:
        ValueError: If a value is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            raise ValueError(f"temperature={self.temperature}: must be a number >= 0")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k={self.top_k}: must be >= 1")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p}: must be above 0 and at most 1")

    def weights(self, log_probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is drawn from, and how often each.

        Worked example, four reserved tokens and words of 0.5, 0.3, 0.1 and 0.1:

            temperature 1, all       0.5 0.3 0.1 0.1
            top_k 2                  0.625 0.375
            top_p 0.7                0.625 0.375     0.5 alone is less than 0.7
            temperature 0.5, top_k 2 0.735 0.265     25 to 9
            temperature 0            1

        Args:
            log_probabilities: [vocabulary], nats.

        Returns:
            Ids, the likeliest first, and their weights (float64, they add up to 1); reserved tokens are never among
            them.

        Raises:
            ValueError: If no word has a finite log-probability, or one is not a number.
        """
        words = np.asarray(log_probabilities, np.float64)[len(RESERVED) :]
        if np.isnan(words).any() or not np.isfinite(words).any():
            raise ValueError("the model proposes no word with a finite probability; it is broken")
        order = np.argsort(-words, kind="stable")[: self.top_k]
        ids = order + len(RESERVED)
        if self.temperature == 0:
            return ids[:1], np.ones(1)
        # Relative to the largest, so that neither a small temperature nor small probabilities end in zeros alone.
        weights = np.exp((words[order] - words[order[0]]) / self.temperature)
        weights /= weights.sum()
        kept = weights
        if self.top_p < 1:
            before = np.cumsum(weights) - weights
            kept = weights[before < self.top_p]
        return ids[: len(kept)], kept / kept.sum()

    def draw(self, log_probabilities: np.ndarray, generator: np.random.Generator) -> int:
        """Draws the id of the next token; see `weights`."""
        ids, weights = self.weights(log_probabilities)
        return int(generator.choice(ids, p=weights))
