"""Options of a completion. Their only definition: types, bounds, defaults and comments."""

from __future__ import annotations

from pydantic import Field

from ..settings import LARGEST_WHOLE_NUMBER, Number, Settings, WholeNumber

__all__ = ["CompletionOptions"]


class CompletionOptions(Settings):
    """Options that continue a text; the limits of the draws apply in this order."""

    # Number of tokens to add (words, also with subwords; bytes for a byte model).
    length: WholeNumber = Field(20, ge=0, le=100_000)
    # Log-probabilities are divided by it: below 1 the likely words become likelier; 0 always takes the likeliest.
    temperature: Number = Field(1.0, ge=0.0)
    # Number of likeliest words to draw from; null: all.
    top_k: WholeNumber | None = Field(10, ge=1, le=LARGEST_WHOLE_NUMBER)
    # Draws from the fewest of these words that have this share of the probability together (Holtzman et al. 2020,
    # https://arxiv.org/abs/1904.09751); 1.0: all.
    top_p: Number = Field(1.0, gt=0.0, le=1.0)
    # Seed of the draws; the same seed gives the same text. null: another text each time.
    seed: WholeNumber | None = Field(0, ge=0)
