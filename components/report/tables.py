"""Tables of the report, as rows of text."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from ...exported.scores import Criterion
from ..drift_validator.drift import TOKENS_PER_LINE, UNKNOWN_SHARE, Drift
from ..evaluator.results import Scores, SliceResult
from ..text_counts import TextCounts
from ..tuner.results import best_trial, value_text
from . import numbers
from .curves import TRAIN, VALIDATION, Curves

# Ranks at which the table of the coverage has a row, besides the whole vocabulary.
_RANKS = tuple(digit * 10**power for power in range(1, 8) for digit in (1, 2, 5))


@dataclasses.dataclass(frozen=True)
class ScoreRow:
    """A row of the scores; each value as text, with its interval if it has one."""

    title: str
    candidate: str
    candidate_interval: str
    baseline: str
    baseline_interval: str
    change: str
    change_bounds: str


# Title, metric and format.
_SCORES: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("Perplexity per token", "perplexity", numbers.number),
    ("Bits per byte", "bits_per_byte", lambda value: numbers.number(value, 4)),
    ("Perplexity without unknown words", "perplexity_without_oov", numbers.number),
    ("Cross entropy, nats per token", "cross_entropy", lambda value: numbers.number(value, 4)),
    ("Unknown words", "oov_rate", numbers.share),
    ("Tokens cut off", "truncation_rate", numbers.share),
    ("Sentences", "sentences", numbers.count),
    ("Tokens", "tokens", numbers.count),
    ("Bytes", "bytes", numbers.count),
    ("Context tokens (read, not scored)", "context_tokens", numbers.count),
)

_DRIFT = {TOKENS_PER_LINE: "Tokens per line", UNKNOWN_SHARE: "Words unknown to that model"}


def score_rows(total: SliceResult | None) -> list[ScoreRow]:
    """Returns the scores of all sentences; empty if nothing was scored."""
    if total is None:
        return []
    rows = []
    for title, metric, form in _SCORES:
        if metric == "context_tokens" and not any(
            (scores or {}).get(metric) for scores in (total.candidate, total.baseline)
        ):
            continue
        candidate, baseline = (
            ("", "") if scores is None else (form(scores[metric]), _interval(scores, metric))
            for scores in (total.candidate, total.baseline)
        )
        rows.append(ScoreRow(title, *candidate, *baseline, *_change(total, metric)))
    return rows


def _interval(scores: Scores, metric: str) -> str:
    """Returns the 95 % interval of a score; empty if it has none."""
    if metric not in get_args(Criterion):
        return ""
    digits = 4 if metric == "bits_per_byte" else 2
    return numbers.interval(scores[f"{metric}_ci95_low"], scores[f"{metric}_ci95_high"], digits)


def _change(result: SliceResult, metric: str) -> tuple[str, str]:
    """Returns such as `+1.20 %` and `+0.90 % to +1.50 %`; each empty if there is no change."""
    difference = result.change(metric) if metric in get_args(Criterion) else None  # type: ignore[arg-type]
    if difference is None:
        return "", ""
    known = [scores[metric] for scores in (result.candidate, result.baseline or {})]
    if math.isnan(difference.relative) and all(map(math.isfinite, known)):
        return "not comparable: other tokens", ""
    low, high = numbers.change(difference.lower), numbers.change(difference.upper)
    return numbers.change(difference.relative), "" if math.isnan(difference.upper) else f"{low} to {high}"


@dataclasses.dataclass(frozen=True)
class SliceRow:
    """A row of the slices."""

    name: str
    sentences: str
    perplexity: str
    perplexity_interval: str
    bits_per_byte: str
    bits_per_byte_interval: str
    baseline_perplexity: str
    baseline_bits_per_byte: str
    change: str
    change_bounds: str


def slice_rows(results: Mapping[str, SliceResult]) -> list[SliceRow]:
    """Returns the scores of each slice, all sentences first."""
    return [
        SliceRow(
            name or "all sentences",
            numbers.count(result.candidate["sentences"]),
            numbers.number(result.candidate["perplexity"]),
            _interval(result.candidate, "perplexity"),
            numbers.number(result.candidate["bits_per_byte"], 4),
            _interval(result.candidate, "bits_per_byte"),
            numbers.number(result.baseline["perplexity"]) if result.baseline else "",
            numbers.number(result.baseline["bits_per_byte"], 4) if result.baseline else "",
            *_change(result, "bits_per_byte"),
        )
        for name, result in results.items()
    ]


def drift_rows(drift: Drift | None) -> list[tuple[str, str, str]]:
    """Returns what is compared with the text before, and its values before and now."""
    rows = []
    for name, *values in () if drift is None else drift.values():
        title = _DRIFT.get(name, f"Lines of {name} tokens")
        form = numbers.number if name == TOKENS_PER_LINE else numbers.share
        rows.append((title, form(values[0]), form(values[1])))
    return rows


def epoch_rows(curves: Mapping[str, Curves]) -> list[tuple[int, list[str]]]:
    """Returns each epoch, and its training and validation perplexity, learning rate and tokens per second."""
    columns = [
        (curves[TRAIN].get("perplexity", {}), numbers.number),
        (curves[VALIDATION].get("perplexity", {}), numbers.number),
        (curves[TRAIN].get("learning_rate", {}), lambda value: "–" if value is None else f"{value:.3g}"),
        (curves[TRAIN].get("tokens_per_second", {}), numbers.count),
    ]
    epochs = sorted({epoch for points, _ in columns for epoch in points})
    return [(epoch, [form(points.get(epoch)) for points, form in columns]) for epoch in epochs]


def tried_options(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the options that the trials of a search tried; none without a search."""
    return list(trials[0]["values"]) if trials else []


def trial_rows(trials: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Returns each trial of a search: its number, and its perplexity, or why it failed, and its values."""
    best = best_trial(trials) if trials else None
    rows = []
    for number, trial in enumerate(trials, 1):
        result = trial["failure"] if trial["perplexity"] is None else numbers.number(trial["perplexity"])
        rows.append(
            (
                f"{number}, the best" if trial is best else str(number),
                [result, *(value_text(trial["values"][name]) for name in tried_options(trials))],
            )
        )
    return rows


@dataclasses.dataclass(frozen=True)
class SplitRow:
    """Counts of a split."""

    name: str
    sentences: int
    targets: int
    longest: int
    cut_sentences: int
    cut_targets: int
    words: int
    unknown: int


def split_rows(counts: Mapping[str, TextCounts], max_length: int) -> list[SplitRow]:
    """Returns the counts of each split, with its cut and unknown words."""
    rows = []
    for name, split in counts.items():
        longest, words = max(split.lengths, default=0), int(split.words.sum())
        cut = split.cut(max_length)
        rows.append(SplitRow(name, split.sentences, split.targets, longest, *cut, words, split.unknown))
    return rows


def coverage_rows(counts: Mapping[str, TextCounts]) -> list[tuple[int, list[float]]]:
    """Returns numbers of words, and the share of each split that they cover."""
    shares = [split.coverage() for split in counts.values()]
    size = max((share.size for share in shares), default=0)
    ranks = [rank for rank in _RANKS if rank < size] + ([size] if size else [])
    return [(rank, [float(share[rank - 1]) if share.size >= rank else math.nan for share in shares]) for rank in ranks]
