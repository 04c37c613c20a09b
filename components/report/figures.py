"""Charts of the report. A table beside each shows the same numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from ...exported.scores import Criterion
from ..evaluator.results import SliceResult
from ..text_counts import TextCounts
from .curves import TRAIN, VALIDATION, Curves
from .svg import FIRST, INK, SECOND, chart

# Markers and lines, so that two series differ not by colour alone.
_STYLES: tuple[dict[str, Any], ...] = (
    {"color": FIRST, "linestyle": "-", "marker": "o"},
    {"color": SECOND, "linestyle": "--", "marker": "s"},
)

# Slices that are drawn, the first ones; the table has all.
DRAWN_SLICES = 16
_LABEL = 18

# Approximate number of bars up to `max_length`, and from there to the open one at the end.
_BARS, _BARS_OF_CUT = 20, 5


def slices_chart(results: Mapping[str, SliceResult], criterion: Criterion, title: str) -> Markup | None:
    """Draws the score of each slice with its interval, the candidate's above the baseline's.

    Args:
        results: By slice; "" are all sentences.
        criterion: The score to draw.
        title: Its name.

    Returns:
        SVG; None if no score is finite.
    """
    drawn = [
        (name, result)
        for name, result in list(results.items())[:DRAWN_SLICES]
        if math.isfinite(result.candidate[criterion])
    ]
    if not drawn:
        return None
    description = f"{title} by slice, with 95 % intervals; the table has the numbers"
    with chart("slices", description, 60 + 22 * len(drawn)) as made:
        axes = made.axes
        for which, style in enumerate(_STYLES):
            points = []
            for row, (_, result) in enumerate(drawn):
                scores = (result.candidate, result.baseline)[which]
                if scores is not None and math.isfinite(scores[criterion]):
                    low, high = (scores[f"{criterion}_ci95_{end}"] for end in ("low", "high"))
                    points.append((row + (which - 0.5) * 0.3, scores[criterion], low, high))
            if points:
                rows, values, lows, highs = np.array(points).T
                # The ends of an empty interval may differ from the value by a rounding.
                spread = np.maximum(np.nan_to_num([values - lows, highs - values], nan=0.0, posinf=0.0), 0.0)
                axes.errorbar(
                    values, rows, xerr=spread, fmt=style["marker"], color=style["color"], capsize=2.5, elinewidth=1.2,
                    label=("candidate", "baseline")[which],
                )  # fmt: skip
        axes.set_yticks(range(len(drawn)), [_short(name) for name, _ in drawn])
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(title)
        axes.figure.legend(loc="outside upper right", ncols=2)
    return made.svg


def _short(name: str) -> str:
    """Returns a slice's name as a label, with characters that XML forbids replaced."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name or "all")
    text = text.replace("sentence_length: ", "length ").replace("unknown_words: ", "unknown: ")
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"


def curves_chart(curves: Mapping[str, Curves]) -> Markup | None:
    """Draws the training and validation perplexity after each epoch.

    Args:
        curves: From `read_curves`.

    Returns:
        SVG; None if no perplexity is finite.
    """
    series = {
        run: {epoch: value for epoch, value in curves[run].get("perplexity", {}).items() if math.isfinite(value)}
        for run in (TRAIN, VALIDATION)
    }
    if not any(series.values()):
        return None
    ends = ", ".join(
        f"{run} from {next(iter(points.values())):.4g} to {next(reversed(points.values())):.4g}"
        for run, points in series.items()
        if points
    )
    with chart("curves", f"Perplexity after each epoch: {ends}; the table has all numbers") as made:
        axes = made.axes
        for (run, points), style in zip(series.items(), _STYLES, strict=True):
            if points:
                axes.plot(list(points), list(points.values()), label=run, **style)
        values = [value for points in series.values() for value in points.values()]
        if max(values) > 10 * min(values):
            axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
        axes.set_xlabel("epoch")
        axes.set_ylabel("perplexity")
        axes.figure.legend(loc="outside upper right", ncols=2)
    return made.svg


class LengthBin(NamedTuple):
    """Sentences of similar length.

    Attributes:
        first: The shortest length, in targets.
        last: The longest; None: unbounded.
        sentences: Number of sentences in each split.
    """

    first: int
    last: int | None
    sentences: tuple[int, ...]


def length_bins(counts: Sequence[TextCounts], max_length: int) -> list[LengthBin]:
    """Groups sentences by length, so that `max_length` is the end of a group.

    Worked example, lengths 1 to 3 and 9, `max_length` 2: groups 1, 2, 3, 4, 5, 6, 7 and "from 8" of 1, 1, 1, 0, 0, 0,
    0 and 1 sentences.

    Args:
        counts: Those of each split.
        max_length: Most targets of a sentence.

    Returns:
        The groups, without empty ones at the end.
    """
    width = -(-max_length // _BARS)
    lasts = [*range(max_length, 0, -width)][::-1] + [max_length + width * step for step in range(1, _BARS_OF_CUT + 1)]
    firsts = [1, *(last + 1 for last in lasts)]
    bins = []
    for first, last in zip(firsts, [*lasts, None], strict=True):
        sentences = [
            sum(number for length, number in split.lengths.items() if first <= length <= (last or math.inf))
            for split in counts
        ]
        bins.append(LengthBin(first, last, tuple(sentences)))
    while bins and not any(bins[-1].sentences):
        bins.pop()
    return bins


def lengths_chart(bins: Sequence[LengthBin], splits: Sequence[str], max_length: int) -> Markup | None:
    """Draws the lengths of the sentences, and which are cut.

    Args:
        bins: From `length_bins`.
        splits: The names of the splits; bars for the first, points for the second.
        max_length: Most targets of a sentence.

    Returns:
        SVG; None without sentences.
    """
    if not bins:
        return None
    totals = [sum(group.sentences[index] for group in bins) for index in range(len(splits))]
    cut = ", ".join(
        f"{sum(group.sentences[index] for group in bins if group.first > max_length):,} of {totals[index]:,} in {split}"
        for index, split in enumerate(splits)
    )
    description = f"Sentences by length; longer than max_length {max_length} are {cut}; the table has all numbers"
    with chart("lengths", description) as made:
        axes = made.axes
        # The open bar is drawn as wide as the others.
        width = max((group.last - group.first + 1 for group in bins if group.last), default=1)
        edges = [(group.first - 0.5, (group.last or group.first + width - 1) + 0.5) for group in bins]
        lefts, rights = np.array(edges).T
        for index, split in enumerate(splits[:2]):
            if not totals[index]:
                continue
            shares = [group.sentences[index] / totals[index] for group in bins]
            if index == 0:
                bars = axes.bar(
                    lefts, shares, 0.9 * (rights - lefts), align="edge", color=FIRST, alpha=0.55, label=split
                )
                for bar, group in zip(bars, bins, strict=True):
                    if group.first > max_length:
                        bar.set_hatch("////")
            else:
                axes.plot(
                    (lefts + rights) / 2, shares, color=SECOND, linestyle="", marker="s", markersize=3, label=split
                )
        axes.axvline(max_length + 0.5, color=INK, linestyle=":", linewidth=1.4)
        axes.annotate(
            f"max_length {max_length}",
            (max_length + 0.5, 1),
            (-4, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            va="top",
        )
        axes.set_xlim(0, None)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        axes.set_xlabel("tokens of a sentence, with </s>")
        axes.set_ylabel("sentences")
        handles, labels = axes.get_legend_handles_labels()
        axes.figure.legend(handles[::-1], labels[::-1], loc="outside upper right", ncols=2)
    return made.svg


def coverage_chart(coverage: Mapping[str, np.ndarray]) -> Markup | None:
    """Draws the share of the text that the first words of the vocabulary cover.

    Args:
        coverage: `TextCounts.coverage` by split.

    Returns:
        SVG; None without words.
    """
    drawn = {split: shares for split, shares in coverage.items() if shares.size and np.isfinite(shares).all()}
    if not drawn:
        return None
    whole = ", ".join(f"{100 * shares[-1]:.1f} % of {split}" for split, shares in drawn.items())
    with chart("coverage", f"The whole vocabulary covers {whole}; the table says what less would cover") as made:
        axes = made.axes
        for (split, shares), style in zip(drawn.items(), _STYLES, strict=False):
            # No more points than can be seen.
            ranks = np.unique(np.geomspace(1, shares.size, 80).astype(np.int64))
            axes.plot(ranks, shares[ranks - 1], label=split, **{**style, "marker": ""})
        axes.set_xscale("log")
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        # Over less than a decade Matplotlib would label these too, as powers in its own markup.
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel("first words of the vocabulary")
        axes.set_ylabel("words covered")
        axes.figure.legend(loc="outside upper right", ncols=2)
    return made.svg
