"""Scores of one model and of a pair of models over any set of sentences, with their intervals."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from .additive import Additive
from .gate_options import Criterion
from .ratio import RatioSums
from .sums import EvaluationSums, exp, output_arrays, sentence_bits


@dataclasses.dataclass(frozen=True)
class ScoreSums(Additive):
    """Sums of one model's losses and their spread over sentences; `+` merges disjoint sets of sentences.

    Attributes:
        totals: The sums that every score is derived from.
        nats: Nats by tokens.
        bits: `sums.sentence_bits` by bytes.
    """

    totals: EvaluationSums = dataclasses.field(default_factory=EvaluationSums)
    nats: RatioSums = dataclasses.field(default_factory=RatioSums)
    bits: RatioSums = dataclasses.field(default_factory=RatioSums)

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> ScoreSums:
        """Sums what one call of the `evaluate` or `score` signature returned; see `EvaluationSums.from_outputs`."""
        arrays = output_arrays(outputs)
        return cls(
            EvaluationSums.from_outputs(arrays),
            RatioSums.from_values(arrays["nll"], arrays["tokens"]),
            RatioSums.from_values(sentence_bits(arrays["nll"], arrays["spelled_bytes"]), arrays["bytes"]),
        )

    @property
    def perplexity_ci95(self) -> tuple[float, float]:
        """The 95 % interval of the perplexity, skewed because it is that of the cross entropy, exponentiated."""
        low, high = self.nats.interval()
        return exp(low), exp(high)

    @property
    def bits_per_byte_ci95(self) -> tuple[float, float]:
        """The 95 % interval of the bits per byte."""
        return self.bits.interval()


class Change(NamedTuple):
    """How much worse a candidate is than its baseline; below 0 it is better.

    Attributes:
        relative: (candidate - baseline) / baseline of the criterion, a share: 0.01 is 1 %.
        lower: One-sided 95 % lower bound of `relative`.
        upper: One-sided 95 % upper bound of `relative`.
        sentences: Number of sentences that both models scored.
    """

    relative: float
    lower: float
    upper: float
    sentences: int


@dataclasses.dataclass(frozen=True)
class PairedSums(Additive):
    """Two models' scores of the same sentences, and the difference within each sentence.

    Most of what makes one sentence harder than another is the same for both models and cancels, so the difference is
    known far more exactly than either score.

    Worked example, three sentences of 8 bytes each; the candidate takes 17, 15 and 20 bits, the baseline 16, 16, 16:

        bits per byte  52 / 24 = 2.167 and 48 / 24 = 2,  relative change (1 - 1 + 4) / 48 = 8.3 %
        deviations 1 - 4/3, -1 - 4/3, 4 - 4/3,  standard error √(3/2 * 12.67) / 24 = 0.1816 bits per byte
        upper = (4/24 + 2.920 * 0.1816) / 2 = 34.8 %:  three sentences say little

    Attributes:
        candidate: The candidate's totals.
        baseline: The baseline's totals.
        bits: The candidate's less the baseline's bits, by bytes.
        nats: The candidate's less the baseline's nats, by the candidate's tokens.
    """

    candidate: EvaluationSums = dataclasses.field(default_factory=EvaluationSums)
    baseline: EvaluationSums = dataclasses.field(default_factory=EvaluationSums)
    bits: RatioSums = dataclasses.field(default_factory=RatioSums)
    nats: RatioSums = dataclasses.field(default_factory=RatioSums)

    @classmethod
    def from_outputs(cls, candidate: Mapping[str, Any], baseline: Mapping[str, Any]) -> PairedSums:
        """Sums what the two models returned for the same sentences.

        Args:
            candidate: See `EvaluationSums.from_outputs`.
            baseline: The baseline's outputs for the same sentences.

        Raises:
            ValueError: If an output is missing, or the models scored different numbers of sentences.
        """
        ours, theirs = output_arrays(candidate), output_arrays(baseline)
        with_bits = [sentence_bits(arrays["nll"], arrays["spelled_bytes"]) for arrays in (ours, theirs)]
        if with_bits[0].size != with_bits[1].size:
            raise ValueError(
                f"the candidate scored {with_bits[0].size} sentences and the baseline {with_bits[1].size}: must be the "
                "same ones"
            )
        return cls(
            EvaluationSums.from_outputs(ours),
            EvaluationSums.from_outputs(theirs),
            RatioSums.from_values(with_bits[0] - with_bits[1], ours["bytes"]),
            RatioSums.from_values(ours["nll"] - theirs["nll"], ours["tokens"]),
        )

    def change(self, criterion: Criterion) -> Change:
        """Returns how much worse the candidate is.

        Args:
            criterion: `bits_per_byte`; or `perplexity`, only for models that read the same tokens, which the caller
                checks (`token_identity.same_tokens`). If the numbers of tokens differ, all is NaN.

        Returns:
            The relative change. The baseline's own score counts as known: its error is the same in both terms.
        """
        sentences = int(self.bits.sentences)
        if criterion == "perplexity":
            if self.candidate.tokens != self.baseline.tokens:
                return Change(math.nan, math.nan, math.nan, sentences)
            relative, lower, upper = (exp(nats) - 1 for nats in _with_bounds(self.nats))
        else:
            baseline = self.baseline.bits_per_byte or math.nan
            relative, lower, upper = (bits / baseline for bits in _with_bounds(self.bits))
        return Change(relative, lower, upper, sentences)


def _with_bounds(sums: RatioSums) -> tuple[float, float, float]:
    return sums.ratio, sums.lower(), sums.upper()
