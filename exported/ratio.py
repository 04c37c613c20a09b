"""Ratio estimates: a mean per token or per byte over sentences, with its confidence interval, from additive sums."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from scipy import stats

from .additive import Additive


@dataclasses.dataclass(frozen=True)
class RatioSums(Additive):
    """Sums for the ratio Σ numerator / Σ denominator and its standard error, in float64.

    A sentence has a numerator (its loss) and a denominator (its tokens or bytes). The ratio of the sums weighs every
    token alike, however they are divided into sentences. The sentences are the sample, so the standard error is taken
    over them (Cochran, Sampling Techniques, 1977, 6.3, without the finite population correction):

        R = Σx / Σy        variance of R = n / (n - 1) * Σ(x - R y)² / (Σy)²
        Σ(x - R y)² = Σx² - 2 R Σxy + R² Σy², so sums suffice

    Worked example, three sentences of 2, 1 and 3 tokens with losses of 4, 3 and 5 nats:

        R = 12 / 6 = 2,  x - R y = 0, 1, -1,  variance = 3/2 * 2 / 36 = 1/12

    Attributes:
        sentences: n.
        numerator: Σx.
        denominator: Σy.
        numerator_squared: Σx².
        product: Σxy.
        denominator_squared: Σy².
    """

    sentences: float = 0.0
    numerator: float = 0.0
    denominator: float = 0.0
    numerator_squared: float = 0.0
    product: float = 0.0
    denominator_squared: float = 0.0

    @classmethod
    def from_values(cls, numerators: Any, denominators: Any) -> RatioSums:
        """Sums over sentences.

        Args:
            numerators: `[sentences]`, any numeric dtype.
            denominators: `[sentences]`.
        """
        x, y = np.asarray(numerators, np.float64).ravel(), np.asarray(denominators, np.float64).ravel()
        if x.size != y.size:
            raise ValueError(f"{x.size} numerators and {y.size} denominators: must be one of each per sentence")
        with np.errstate(over="ignore", invalid="ignore"):  # Infinity and its consequences are kept.
            sums = (x.sum(), y.sum(), (x * x).sum(), (x * y).sum(), (y * y).sum())
        return cls(float(x.size), *map(float, sums))

    @property
    def ratio(self) -> float:
        """Σ numerator / Σ denominator; NaN if the denominator is 0."""
        return self.numerator / self.denominator if self.denominator else math.nan

    @property
    def standard_error(self) -> float:
        """The standard error of the ratio; NaN for fewer than two sentences."""
        if self.sentences < 2 or not self.denominator:
            return math.nan
        ratio = self.ratio
        squares = self.numerator_squared - 2 * ratio * self.product + ratio * ratio * self.denominator_squared
        variance = squares * self.sentences / (self.sentences - 1) / self.denominator**2
        # Rounding may leave a variance of 0 a little below it. (`max` would lose a NaN.)
        return 0.0 if variance < 0 else math.sqrt(variance)

    def lower(self, confidence: float = 0.95) -> float:
        """The one-sided lower bound of the ratio: it is above this with that confidence."""
        return self.ratio - self._margin(confidence)

    def upper(self, confidence: float = 0.95) -> float:
        """The one-sided upper bound of the ratio: it is below this with that confidence."""
        return self.ratio + self._margin(confidence)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The two-sided interval of the ratio, by Student's distribution."""
        one_sided = (1 + confidence) / 2
        return self.lower(one_sided), self.upper(one_sided)

    def _margin(self, confidence: float) -> float:
        if self.sentences < 2:
            return math.nan
        return float(stats.t.ppf(confidence, self.sentences - 1)) * self.standard_error
