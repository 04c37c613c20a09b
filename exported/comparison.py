"""Comparison of two models on the same text, by the gate's own functions; `tfx-lm compare` prints it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..errors import SettingError, escape
from ..text_files.text import Text
from .additive import Additive
from .gate import Verdict, compare, compare_slices
from .gate_options import Criterion, GateOptions
from .json_values import json_values
from .scores import PairedSums, ScoreSums
from .scoring import WINDOW_LINES, ExportedModel, LineScore, numbered_texts, score_texts
from .slices import derived, groups
from .sums import CONTEXT_TOKENS, MODEL_OUTPUTS
from .token_identity import check_same_tokens

_DEFAULT_CRITERION: Criterion = GateOptions.model_fields["criterion"].default

SLICES: tuple[str, ...] = GateOptions.model_fields["slices"].default


@dataclasses.dataclass(frozen=True)
class Part(Additive):
    """Two models' scores over all lines or a slice; `+` adds other lines.

    Attributes:
        candidate: The candidate's scores.
        baseline: The baseline's.
        pair: The difference within each line.
    """

    candidate: ScoreSums = dataclasses.field(default_factory=ScoreSums)
    baseline: ScoreSums = dataclasses.field(default_factory=ScoreSums)
    pair: PairedSums = dataclasses.field(default_factory=PairedSums)

    @classmethod
    def from_outputs(cls, candidate: dict[str, np.ndarray], baseline: dict[str, np.ndarray]) -> Part:
        """Sums what the two models returned for some lines."""
        return cls(
            ScoreSums.from_outputs(candidate),
            ScoreSums.from_outputs(baseline),
            PairedSums.from_outputs(candidate, baseline),
        )

    def as_json(self, criterion: Criterion) -> dict[str, Any]:
        """Returns both scores and the relative change as JSON values; NaN and infinity are None."""
        change = self.pair.change(criterion)
        values = {
            "lines": change.sentences,
            "candidate": _scores(self.candidate),
            "baseline": _scores(self.baseline),
            "change": change.relative,
            "change_lower95": change.lower,
            "change_upper95": change.upper,
        }
        return json_values(values)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The scores of two models on the same lines.

    Attributes:
        criterion: The score that is compared.
        total: All lines.
        slices: By name, such as `sentence_length: 0 to 10`, in the order of their first lines.
    """

    criterion: Criterion
    total: Part
    slices: dict[str, Part]

    def verdict(self, tolerance: float, slice_tolerance: float, slice_min_sentences: int) -> Verdict:
        """Decides by all conditions of the gate but the absolute bounds.

        Args:
            tolerance: See `GateOptions`.
            slice_tolerance: See `GateOptions`.
            slice_min_sentences: See `GateOptions`.

        Returns:
            The verdict.
        """
        changes = {name: part.pair.change(self.criterion) for name, part in self.slices.items()}
        total = compare(self.criterion, self.total.pair.change(self.criterion), tolerance)
        slices = compare_slices(self.criterion, changes, slice_tolerance, slice_min_sentences)
        return Verdict.from_checks([total, *slices])

    def as_json(
        self,
        tolerance: float,
        slice_tolerance: float,
        slice_min_sentences: int,
        name_of: Callable[[str], str] = str,
    ) -> dict[str, Any]:
        """Returns `criterion`, the scores and the change over all lines and by slice, and `gate`, the `verdict`.

        Args:
            tolerance: See `GateOptions`.
            slice_tolerance: See `GateOptions`.
            slice_min_sentences: See `GateOptions`.
            name_of: Returns the name of a setting in the verdict's reasons.
        """
        return {
            "criterion": self.criterion,
            **self.total.as_json(self.criterion),
            "slices": {name: part.as_json(self.criterion) for name, part in self.slices.items()},
            "gate": self.verdict(tolerance, slice_tolerance, slice_min_sentences).as_json(name_of),
        }


def compare_models(
    candidate: ExportedModel, baseline: ExportedModel, lines: Iterable[bytes], criterion: Criterion = _DEFAULT_CRITERION
) -> Comparison:
    """Scores the same lines with two models, streaming.

    Args:
        candidate: From `load_model`, with the signature `score`.
        baseline: The model to compare it with.
        lines: See `scoring.score_lines`.
        criterion: `bits_per_byte`; or `perplexity`, for the same tokenizer and vocabulary only.

    Returns:
        The comparison.

    Raises:
        SettingError: If `criterion` is `perplexity` and tokenizer or vocabulary differ; or the models read text in
            different normalizations.
    """
    return compare_on_texts(candidate, baseline, numbered_texts(lines), criterion)


def compare_on_texts(
    candidate: ExportedModel,
    baseline: ExportedModel,
    texts: Iterable[Text],
    criterion: Criterion = _DEFAULT_CRITERION,
) -> Comparison:
    """Scores the same texts with two models, as `compare_models` does.

    Args:
        candidate: See `compare_models`.
        baseline: See `compare_models`.
        texts: See `scoring.score_texts`.
        criterion: See `compare_models`.

    Returns:
        The comparison.

    Raises:
        SettingError: See `compare_models`.
    """
    if candidate.normalization != baseline.normalization:
        raise SettingError(
            f"{escape(candidate.path)} reads text with {{normalization}}={candidate.normalization}, "
            f"{escape(baseline.path)} with {{normalization}}={baseline.normalization}, so that they do not read the "
            "same text; compare models with the same {normalization}"
        )
    if criterion == "perplexity":
        check_same_tokens(candidate.path, baseline.path)
    total = Part.empty()
    slices: dict[str, Part] = {}
    for pairs in _batches(candidate, baseline, texts):
        ours, theirs = (_outputs(scores) for scores in zip(*pairs, strict=True))
        total += Part.from_outputs(ours, theirs)
        for column in SLICES:
            values = derived(column, ours)
            assert values is not None
            for common, rows in groups({column: values.tolist()}, len(pairs)):
                name = f"{column}: {common[column]}"
                of_rows = ({key: array[rows] for key, array in outputs.items()} for outputs in (ours, theirs))
                slices[name] = slices.get(name, Part.empty()) + Part.from_outputs(*of_rows)
    return Comparison(criterion, total, slices)


def _batches(
    candidate: ExportedModel, baseline: ExportedModel, texts: Iterable[Text]
) -> Iterator[list[tuple[LineScore, LineScore]]]:
    """Yields both scores of each text. Each scorer reads a window ahead; no more is held in memory."""
    first, second = itertools.tee(texts)
    pairs = zip(score_texts(candidate, first), score_texts(baseline, second), strict=True)
    while batch := list(itertools.islice(pairs, WINDOW_LINES)):
        yield batch


def _outputs(scores: Iterable[LineScore]) -> dict[str, np.ndarray]:
    sums = [score.sums for score in scores]
    return {name: np.array([getattr(of_line, name) for of_line in sums]) for name in (*MODEL_OUTPUTS, CONTEXT_TOKENS)}


def _scores(score: ScoreSums) -> dict[str, Any]:
    return {
        "perplexity": score.totals.perplexity,
        "perplexity_ci95": list(score.perplexity_ci95),
        "bits_per_byte": score.totals.bits_per_byte,
        "bits_per_byte_ci95": list(score.bits_per_byte_ci95),
        "tokens": int(score.totals.tokens),
        "oov_tokens": int(score.totals.oov_tokens),
        **({CONTEXT_TOKENS: int(score.totals.context_tokens)} if score.totals.context_tokens else {}),
    }
