"""Sums that every score of a language model is derived from: one value type, added in float64.

The Evaluator's metric, `tfx-lm score` and the run's summary all use this type, so a perplexity has one
definition. It needs only NumPy.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .additive import Additive

# The outputs of the model's `evaluate` and `score` signatures that are summed, each `[batch]`.
MODEL_OUTPUTS = ("nll", "tokens", "bytes", "oov_tokens", "oov_nll", "truncated_tokens", "spelled_bytes")

# The output of a model that reads contexts beside them, `[batch]`: how many tokens stood before each line.
CONTEXT_TOKENS = "context_tokens"

BITS_PER_SPELLED_BYTE = 8.0


def sentence_bits(nll: Any, spelled_bytes: Any) -> Any:
    """Computes the bits that one or more sentences cost: nll / ln 2 + 8 * spelled_bytes.

    Besides the cost of `<unk>`, an unknown or cut word is charged 8 bits for each byte, as if spelled out with a
    uniform code. So a smaller vocabulary or `max_length`, which makes the perplexity per token look better, does not
    pay in bits, and models with different vocabularies can be compared.

    Args:
        nll: Nats, a number or an array.
        spelled_bytes: Bytes of unknown and cut words, of the same shape.

    Returns:
        Bits, of the same shape.
    """
    return nll / math.log(2) + BITS_PER_SPELLED_BYTE * spelled_bytes


@dataclasses.dataclass(frozen=True)
class EvaluationSums(Additive):
    """Sums over any set of sentences. `+` merges two disjoint sets; `EvaluationSums()` is the empty one.

    Adding is associative and commutative up to float64 rounding, so neither batches nor shards nor their order
    matter. Infinity and NaN are kept: a model that breaks on one sentence shows it in the total.

    Worked example, two sentences scored by a model that is uniform over 16 words:

        tokens 3 + 2 = 5, nll = 5 ln 16 nats, bytes 8 + 4 = 12, nothing unknown or cut
        cross_entropy = ln 16 nats per token, perplexity = 16, bits_per_byte = 5 * 4 / 12 = 1.667

    Attributes:
        nll: Negative log-likelihood of the targets, in nats.
        tokens: Scored targets: words and one `</s>` per sentence.
        bytes: UTF-8 bytes of the lines, including one newline each.
        oov_tokens: Targets that are the unknown word.
        oov_nll: The part of `nll` from unknown words, in nats.
        truncated_tokens: Targets that `max_length` cut off; they are not in `tokens`.
        spelled_bytes: Bytes of all unknown and all cut words, each with one byte for its separator.
        sentences: Number of lines.
        context_tokens: Tokens that were read before the lines, and are not scored.
    """

    nll: float = 0.0
    tokens: float = 0.0
    bytes: float = 0.0
    oov_tokens: float = 0.0
    oov_nll: float = 0.0
    truncated_tokens: float = 0.0
    spelled_bytes: float = 0.0
    sentences: float = 0.0
    context_tokens: float = 0.0

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> EvaluationSums:
        """Sums what one call of the `evaluate` or `score` signature returned.

        Args:
            outputs: For each name in `MODEL_OUTPUTS` a scalar or an array `[batch]`, any numeric dtype; others are
                ignored.

        Raises:
            ValueError: If an output is missing or its size differs from the others'.
        """
        arrays = output_arrays(outputs)
        totals = {name: float(array.sum()) for name, array in arrays.items()}
        return cls(**totals, sentences=float(arrays["nll"].size))

    @classmethod
    def each_of_outputs(cls, outputs: Mapping[str, Any]) -> list[EvaluationSums]:
        """Returns the sums of each sentence of one call, as `from_outputs` of its row alone.

        Args:
            outputs: See `from_outputs`.

        Raises:
            ValueError: See `from_outputs`.
        """
        arrays = output_arrays(outputs)
        columns = [arrays[name].tolist() for name in MODEL_OUTPUTS]
        sentences = [1.0] * len(columns[0])
        return [cls(*values) for values in zip(*columns, sentences, arrays[CONTEXT_TOKENS].tolist(), strict=True)]

    @classmethod
    def merge(cls, parts: Iterable[EvaluationSums]) -> EvaluationSums:
        """Adds any number of sums in their order, column by column, which is faster than one `+` for each."""
        return cls(*map(sum, zip(*map(_values, parts), strict=True)))

    @property
    def cross_entropy(self) -> float:
        """Nats per token; NaN without tokens."""
        return _ratio(self.nll, self.tokens)

    @property
    def perplexity(self) -> float:
        """exp(nats per token), taken last; NaN without tokens, infinity if it exceeds float64."""
        return exp(self.cross_entropy)

    @property
    def perplexity_without_oov(self) -> float:
        """Perplexity of the targets that are known words; NaN if there are none."""
        return exp(_ratio(self.nll - self.oov_nll, self.tokens - self.oov_tokens))

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of raw text, `sentence_bits` of all sentences / bytes; NaN without tokens."""
        if self.tokens == 0:
            return math.nan
        return _ratio(sentence_bits(self.nll, self.spelled_bytes), self.bytes)

    @property
    def oov_rate(self) -> float:
        """Share of the scored targets that are the unknown word, 0.0 to 1.0; NaN without tokens."""
        return _ratio(self.oov_tokens, self.tokens)

    @property
    def truncation_rate(self) -> float:
        """Share of all targets that `max_length` cut off, 0.0 to 1.0; NaN without tokens."""
        return _ratio(self.truncated_tokens, self.tokens + self.truncated_tokens)


# The fields in their order.
_values = operator.attrgetter(*(field.name for field in dataclasses.fields(EvaluationSums)))


def output_arrays(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the outputs of one call of the `evaluate` or `score` signature as arrays.

    Args:
        outputs: See `EvaluationSums.from_outputs`.

    Returns:
        For each name in `MODEL_OUTPUTS` a float64 array `[batch]`, and for `CONTEXT_TOKENS`, zeros if it is missing.

    Raises:
        ValueError: If an output is missing or its size differs from the others'.
    """
    missing = [name for name in MODEL_OUTPUTS if name not in outputs]
    if missing:
        raise ValueError(
            f"model outputs lack {', '.join(missing)} (there are: {', '.join(sorted(outputs)) or 'none'}); "
            "export the model with the `evaluate` signature of tfx_lm.components.trainer"
        )
    arrays = {name: np.asarray(outputs[name], dtype=np.float64).ravel() for name in MODEL_OUTPUTS}
    arrays[CONTEXT_TOKENS] = np.asarray(outputs.get(CONTEXT_TOKENS, np.zeros_like(arrays["nll"])), np.float64).ravel()
    sizes = {name: array.size for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"model outputs differ in size: {sizes}; each must hold one value per sentence")
    return arrays


def exp(nats: float) -> float:
    """Raises e to the power of `nats`; infinity, not an error, if it exceeds float64."""
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan
