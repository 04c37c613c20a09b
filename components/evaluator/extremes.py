"""Sentences that stand out most, collected in the same pass and held in bounded memory."""

from __future__ import annotations

import dataclasses
import heapq
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...exported.additive import Additive
from ...exported.sums import output_arrays, sentence_bits

# Number of sentences kept at each end, and of bytes of each.
KEPT = 20
TEXT_BYTES = 4096


class Sentence(NamedTuple):
    """A sentence and its rank.

    Attributes:
        bits: Rank: with a baseline, the candidate's bits less the baseline's; without one, the bits per byte of the
            sentence.
        text: The first `TEXT_BYTES` bytes of the raw line.
        context: What came before it in its document, the last `TEXT_BYTES` bytes.
    """

    bits: float
    text: str
    context: str = ""


@dataclasses.dataclass(frozen=True)
class Extremes(Additive):
    """The `KEPT` sentences with the most and the fewest bits; `+` merges disjoint sets.

    Sentences with equally many bits are ranked by their text, so that the order of merging does not matter. A
    sentence whose bits are NaN is not ranked.

    Attributes:
        most: Those with the most bits, in descending order.
        fewest: Those with the fewest bits, in ascending order.
    """

    most: tuple[Sentence, ...] = ()
    fewest: tuple[Sentence, ...] = ()

    @classmethod
    def from_outputs(
        cls,
        texts: np.ndarray,
        candidate: Mapping[str, Any],
        baseline: Mapping[str, Any] | None = None,
        contexts: np.ndarray | None = None,
    ) -> Extremes:
        """Ranks the sentences of a batch.

        Args:
            texts: bytes `[batch]`, the raw lines.
            candidate: See `EvaluationSums.from_outputs`.
            baseline: The baseline's outputs; None without a baseline.
            contexts: bytes `[batch]`, what came before each line; None: nothing.
        """
        ours = output_arrays(candidate)
        bits = sentence_bits(ours["nll"], ours["spelled_bytes"])
        if baseline is None:
            bits = bits / ours["bytes"]
        else:
            theirs = output_arrays(baseline)
            with np.errstate(invalid="ignore"):
                bits = bits - sentence_bits(theirs["nll"], theirs["spelled_bytes"])
        (known,) = np.nonzero(~np.isnan(bits))
        # Equal bits at the edge would be cut by position, which depends on the batch, so `_ranked` gets them all.
        edge = min(KEPT, known.size)
        if edge:
            ordered = np.sort(bits[known])
            known = known[(bits[known] >= ordered[-edge]) | (bits[known] <= ordered[edge - 1])]
        before = [b""] * len(texts) if contexts is None else contexts
        return _ranked(Sentence(float(bits[row]), _text(texts[row]), _end(before[row])) for row in known)

    def __add__(self, other: Extremes) -> Extremes:
        if not isinstance(other, Extremes):
            return NotImplemented
        most = heapq.nlargest(KEPT, [*self.most, *other.most])
        return Extremes(tuple(most), tuple(heapq.nsmallest(KEPT, [*self.fewest, *other.fewest])))

    def as_json(self) -> str:
        """Returns one JSON object: `{"most": [{"bits": .., "text": ..}, ..], "fewest": [..]}`."""
        return json.dumps({name: [_fields(item) for item in getattr(self, name)] for name in ("most", "fewest")})

    @classmethod
    def from_json(cls, text: str) -> Extremes:
        """Reads what `as_json` wrote."""
        return cls(**{name: tuple(Sentence(**item) for item in items) for name, items in json.loads(text).items()})


def _ranked(sentences: Iterable[Sentence]) -> Extremes:
    ranked = sorted(sentences)
    return Extremes(tuple(reversed(ranked[-KEPT:])), tuple(ranked[:KEPT]))


def _fields(sentence: Sentence) -> dict[str, Any]:
    return {name: value for name, value in sentence._asdict().items() if name != "context" or value}


def _end(context: bytes) -> str:
    return context[-TEXT_BYTES:].decode("utf-8", "replace")


def _text(line: bytes) -> str:
    return line[:TEXT_BYTES].decode("utf-8", "replace")
