"""Sampling of the next token: greedy, or random among the likely ones."""

from __future__ import annotations

import numpy as np

from ..transform.vocabulary import RESERVED
from .completion_options import CompletionOptions


def chances(options: CompletionOptions, log_probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids to draw from and their weights.

    Worked example, four reserved tokens and words of 0.5, 0.3, 0.1 and 0.1:

        temperature 1, all       0.5 0.3 0.1 0.1
        top_k 2                  0.625 0.375
        top_p 0.7                0.625 0.375     0.5 alone is less than 0.7
        temperature 0.5, top_k 2 0.735 0.265     25 to 9
        temperature 0            1

    Args:
        options: The limits of the draw.
        log_probabilities: [vocabulary], nats.

    Returns:
        Ids, the likeliest first, and their weights (float64, they add up to 1); never reserved tokens.

    Raises:
        ValueError: If no word has a finite log-probability, or one is NaN.
    """
    words = np.asarray(log_probabilities, np.float64)[len(RESERVED) :]
    if np.isnan(words).any() or not np.isfinite(words).any():
        raise ValueError("the model proposes no word with a finite probability; it is broken")
    order = np.argsort(-words, kind="stable")[: options.top_k]
    ids = order + len(RESERVED)
    if options.temperature == 0:
        return ids[:1], np.ones(1)
    # Relative to the largest, so that a small temperature or small probabilities do not give zeros only.
    weights = np.exp((words[order] - words[order[0]]) / options.temperature)
    weights /= weights.sum()
    kept = weights
    if options.top_p < 1:
        before = np.cumsum(weights) - weights
        kept = weights[before < options.top_p]
    return ids[: len(kept)], kept / kept.sum()


def draw(options: CompletionOptions, log_probabilities: np.ndarray, generator: np.random.Generator) -> int:
    """Draws the id of the next token; see `chances`."""
    ids, weights = chances(options, log_probabilities)
    return int(generator.choice(ids, p=weights))
