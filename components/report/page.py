"""The page: one self-contained HTML file, without scripts, that asks the network for nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import jinja2
import yaml
from markupsafe import Markup

from ..evaluator.gate import Verdict
from ..evaluator.results import Scores, SliceResult
from ..evaluator.scores import Criterion
from . import figures, numbers
from .counts import TextCounts
from .curves import TRAIN, VALIDATION, Curves, best_epoch
from .provenance import Source
from .surprisal import LEVELS, ScoredSentence, level

# Ranks at which the table of the coverage has a row, besides the whole vocabulary.
_RANKS = tuple(digit * 10**power for power in range(1, 8) for digit in (1, 2, 5))

# A word whose cost differs by as many bits between the models is marked.
MARKED_BITS = 2.0


@dataclasses.dataclass(frozen=True)
class Standouts:
    """The sentences that stand out, scored.

    Attributes:
        worse: Those that got worse the most; without a baseline the hardest.
        better: Those that got better the most; without a baseline the easiest.
        problems: Why a model could not score them.
    """

    worse: Sequence[ScoredSentence] = ()
    better: Sequence[ScoredSentence] = ()
    problems: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """What the page shows.

    Attributes:
        verdict: The gate's.
        results: The evaluation, by slice; empty where nothing was scored.
        curves: From `curves.read_curves`.
        counts: Of each split, the analyzed one first.
        max_length: Most targets of a sentence.
        max_length_setting: What the configuration says about it: the number, or `auto`.
        standouts: The sentences.
        provenance: The artifacts.
        code_digest: The digest of the code of all nodes, where it is known.
        config: The run's configuration, JSON values.
    """

    verdict: Verdict
    results: Mapping[str, SliceResult]
    curves: Mapping[str, Curves]
    counts: Mapping[str, TextCounts]
    max_length: int
    max_length_setting: Any
    standouts: Standouts
    provenance: Sequence[Source]
    code_digest: str | None
    config: Mapping[str, Any]


def render(page: Page) -> str:
    """Makes the HTML; the same page gives the same text.

    Args:
        page: What it shows. All of its texts are escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfx_lm.components.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        change=numbers.change, count=numbers.count, level=level, number=numbers.number, share=numbers.share,
        signed=numbers.signed,
    )  # fmt: skip
    total = page.results.get("")
    text = environment.get_template("report.html").render(
        page=page,
        name=page.config.get("name", ""),
        total=total,
        has_baseline=total is not None and total.baseline is not None,
        scores=_score_rows(total),
        slices=_slice_rows(page.results),
        epochs=_epoch_rows(page.curves),
        best=best_epoch(dict(page.curves)),
        bins=figures.length_bins(list(page.counts.values()), page.max_length),
        splits=_split_rows(page),
        coverage=_coverage_rows(page.counts),
        charts=_charts(page),
        levels=[0.0, *LEVELS],
        marked_bits=MARKED_BITS,
        config=yaml.safe_dump(dict(page.config), sort_keys=False, allow_unicode=True),
    )
    return text.strip() + "\n"


@dataclasses.dataclass(frozen=True)
class ScoreRow:
    """A row of the scores; each value as text, with its interval where there is one."""

    title: str
    candidate: str
    candidate_interval: str
    baseline: str
    baseline_interval: str
    change: str
    change_bounds: str


# Title, metric and how it is written.
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
)


def _score_rows(total: SliceResult | None) -> list[ScoreRow]:
    if total is None:
        return []
    rows = []
    for title, metric, form in _SCORES:
        candidate, baseline = (
            ("", "") if scores is None else (form(scores[metric]), _interval(scores, metric))
            for scores in (total.candidate, total.baseline)
        )
        rows.append(ScoreRow(title, *candidate, *baseline, *_change(total, metric)))
    return rows


def _interval(scores: Scores, metric: str) -> str:
    """The 95 % interval of a score; empty where it has none."""
    if metric not in get_args(Criterion):
        return ""
    digits = 4 if metric == "bits_per_byte" else 2
    return numbers.interval(scores[f"{metric}_ci95_low"], scores[f"{metric}_ci95_high"], digits)


def _change(result: SliceResult, metric: str) -> tuple[str, str]:
    """`+1.20 %` and `+0.90 % to +1.50 %`; each empty where there is none."""
    found = result.change(metric) if metric in get_args(Criterion) else None  # type: ignore[arg-type]
    if found is None:
        return "", ""
    bounds = f"{numbers.change(found.lower)} to {numbers.change(found.upper)}" if not math.isnan(found.upper) else ""
    return numbers.change(found.relative), bounds


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


def _slice_rows(results: Mapping[str, SliceResult]) -> list[SliceRow]:
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


def _epoch_rows(curves: Mapping[str, Curves]) -> list[tuple[int, list[str]]]:
    """Epoch, and its training and validation perplexity, learning rate and tokens per second."""
    columns = [
        (curves[TRAIN].get("perplexity", {}), numbers.number),
        (curves[VALIDATION].get("perplexity", {}), numbers.number),
        (curves[TRAIN].get("learning_rate", {}), lambda value: "–" if value is None else f"{value:.3g}"),
        (curves[TRAIN].get("tokens_per_second", {}), numbers.count),
    ]
    epochs = sorted({epoch for points, _ in columns for epoch in points})
    return [(epoch, [form(points.get(epoch)) for points, form in columns]) for epoch in epochs]


@dataclasses.dataclass(frozen=True)
class SplitRow:
    """What a split holds."""

    name: str
    sentences: int
    targets: int
    longest: int
    cut_sentences: int
    cut_targets: int
    words: int
    unknown: int


def _split_rows(page: Page) -> list[SplitRow]:
    rows = []
    for name, of in page.counts.items():
        longest, words = max(of.lengths, default=0), int(of.words.sum())
        rows.append(SplitRow(name, of.sentences, of.targets, longest, *of.cut(page.max_length), words, of.unknown))
    return rows


def _coverage_rows(counts: Mapping[str, TextCounts]) -> list[tuple[int, list[float]]]:
    """Number of words, and the share that they cover of each split."""
    shares = [of.coverage() for of in counts.values()]
    size = max((of.size for of in shares), default=0)
    ranks = [rank for rank in _RANKS if rank < size] + ([size] if size else [])
    return [(rank, [float(of[rank - 1]) if of.size >= rank else math.nan for of in shares]) for rank in ranks]


def _charts(page: Page) -> dict[str, Markup | None]:
    splits = list(page.counts)
    criterion: Criterion = "bits_per_byte"
    return {
        "slices": figures.slices_chart(page.results, criterion, "bits per byte"),
        "curves": figures.curves_chart(page.curves),
        "lengths": figures.lengths_chart(
            figures.length_bins(list(page.counts.values()), page.max_length), splits, page.max_length
        ),
        "coverage": figures.coverage_chart({split: of.coverage() for split, of in page.counts.items()}),
    }
