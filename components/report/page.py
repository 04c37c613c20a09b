"""Page of the report: one self-contained HTML file, without scripts and without requests to the network."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from ...exported.gate import Verdict
from ..drift_validator.drift import Drift
from ..evaluator.results import SliceResult
from ..text_counts import TextCounts
from ..trainer.precision import Precision
from ..trainer.started_from import StartedFrom
from . import figures, numbers, tables
from .curves import Curves
from .provenance import Source, spans_read
from .surprisal import LEVELS, ScoredSentence, level

# A word is marked if its cost differs by so many bits between the models.
MARKED_BITS = 2.0


@dataclasses.dataclass(frozen=True)
class Standouts:
    """The sentences that stand out, scored.

    Attributes:
        worse: Those that got worse the most; without a baseline, the hardest.
        better: Those that got better the most; without a baseline, the easiest.
        problems: Why a model could not score them.
    """

    worse: Sequence[ScoredSentence] = ()
    better: Sequence[ScoredSentence] = ()
    problems: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """Contents of the page.

    Attributes:
        verdict: The gate's verdict.
        warnings: Why numbers of the page may mislead, and the remedies.
        results: The evaluation, by slice; empty if nothing was scored.
        curves: From `curves.read_curves`.
        precision: The precision of the training and why, if it is known.
        started_from: The model that the training started from, if it should start from one.
        counts: Counts of each split, the analyzed one first.
        max_length: Most targets of a sentence.
        max_length_is_smallest: Whether it is the smallest that keeps 99.9 % of the training tokens.
        standouts: The sentences that stand out.
        provenance: The artifacts.
        code_digest: The digest of the code of all nodes, if it is known.
        config: The run's configuration, JSON values.
        pieces_per_word: With subwords, the average of each split; empty with words.
        drift: The training text beside that of the served model, if it was compared.
        trials: From `tuner.results.read_trials`; empty without a search.
        best_epoch: The epoch whose weights the model has, counted from 1; None or 0 if it is not known.
    """

    verdict: Verdict
    warnings: Sequence[str]
    results: Mapping[str, SliceResult]
    curves: Mapping[str, Curves]
    precision: Precision | None
    started_from: StartedFrom | None
    counts: Mapping[str, TextCounts]
    max_length: int
    max_length_is_smallest: bool
    standouts: Standouts
    provenance: Sequence[Source]
    code_digest: str | None
    config: Mapping[str, Any]
    pieces_per_word: Mapping[str, float] = dataclasses.field(default_factory=dict)
    drift: Drift | None = None
    trials: Sequence[Mapping[str, Any]] = ()
    best_epoch: int | None = None


def template(name: str) -> jinja2.Template:
    """Loads a template of this package; it escapes all texts.

    Args:
        name: Its file below `templates/`.
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
    return environment.get_template(name)


def render(page: Page) -> str:
    """Renders the HTML; the same page gives the same text.

    Args:
        page: The contents. All texts are escaped.
    """
    total = page.results.get("")
    # With line breaks around it, as within `<style>`.
    style = f"\n{template('style.css').render()}\n"
    text = template("report.html").render(
        page=page,
        style=Markup(style),  # noqa: S704, a file of this package
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        name=page.config.get("name", ""),
        total=total,
        has_baseline=total is not None and total.baseline is not None,
        scores=tables.score_rows(total),
        slices=tables.slice_rows(page.results),
        epochs=tables.epoch_rows(page.curves),
        tried=tables.tried_options(page.trials),
        trials=tables.trial_rows(page.trials),
        bins=figures.length_bins(list(page.counts.values()), page.max_length),
        splits=tables.split_rows(page.counts, page.max_length),
        coverage=tables.coverage_rows(page.counts),
        charts=_charts(page),
        levels=[0.0, *LEVELS],
        marked_bits=MARKED_BITS,
        spans=spans_read(page.provenance),
        drift=tables.drift_rows(page.drift),
        config=yaml.safe_dump(dict(page.config), sort_keys=False, allow_unicode=True),
    )
    return text.strip() + "\n"


def _charts(page: Page) -> dict[str, Markup | None]:
    splits = list(page.counts)
    return {
        "slices": figures.slices_chart(page.results, "bits_per_byte", "bits per byte"),
        "curves": figures.curves_chart(page.curves),
        "lengths": figures.lengths_chart(
            figures.length_bins(list(page.counts.values()), page.max_length), splits, page.max_length
        ),
        "coverage": figures.coverage_chart({split: of.coverage() for split, of in page.counts.items()}),
    }
