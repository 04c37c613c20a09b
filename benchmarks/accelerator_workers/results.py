"""Ratios and tables of the contestants' figures."""

import statistics
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from shared.report import figures_table

# Largest relative difference of loss and gradients that each precision may have from the processor's in float32.
# bfloat16 rounds to 8 bits, so a few thousandths are usual.
MOST_DIFFERENCE = {"float32": 1e-4, "bfloat16": 0.03}
# By key: the contestant above the line and the one below it.
SPEEDS = {
    "vs_processor": ("float32", "processor"),
    "bfloat16_vs_float32": ("bfloat16", "float32"),
    "xla_vs_plain": ("float32_xla", "float32"),
    "xla_vs_plain_bfloat16": ("bfloat16_xla", "bfloat16"),
    "vs_pytorch": ("float32", "pytorch"),
    "vs_pytorch_bfloat16": ("bfloat16", "pytorch_bfloat16"),
}

Figures = Mapping[str, Any]


def ratios(phases: Mapping[str, Figures]) -> dict[str, float]:
    """Returns the ratios of the medians of the speeds, each key with the label of its vocabulary.

    Args:
        phases: By label: `contestants`, by name with `rates`.
    """
    return {
        f"{key}_{label}": rate(phase["contestants"][one]) / rate(phase["contestants"][other])
        for label, phase in phases.items()
        for key, (one, other) in SPEEDS.items()
        if all(phase["contestants"].get(name, {}).get("rates") for name in (one, other))
    }


def rate(contestant: Figures) -> float:
    """Returns the median of the rounds, in tokens per second."""
    return statistics.median(contestant["rates"])


def peak(contestant: Figures) -> int | None:
    """Returns the peak bytes of the steps: the GPU's, or those of the process over what it had loaded."""
    if contestant.get("device_peak") is not None:
        return contestant["device_peak"]
    memory = contestant.get("memory")
    return memory["peak"] - memory["loaded"] if memory else None


def tables(phases: Mapping[str, Figures]) -> list[Table]:
    """Returns two tables for each vocabulary: speed, memory and equality; shapes, padding and cuDNN."""
    return [table for phase in phases.values() for table in (_speeds(phase), _shapes(phase))]


def _speeds(phase: Figures) -> Table:
    table = figures_table(
        ["contestant"],
        ["tokens/s", "spread %", "MB", "loss", "gradient", "equal"],
        title=f"{phase['vocabulary']:,} words, {phase['units']:,} units, {phase['tokens']:,} tokens a round",
        caption="spread: fastest less slowest round, of the median; "
        "loss, gradient: relative difference from the processor's; "
        f"equal: {', '.join(f'{name} within {most:g}' for name, most in MOST_DIFFERENCE.items())}; "
        "MB: peak of the steps",
    )
    for name, figures in phase["contestants"].items():
        rates = figures["rates"]
        speeds = ["", ""]
        if rates:
            median = rate(figures)
            speeds = [f"{median:,.0f}", f"{100 * (max(rates) - min(rates)) / median:.0f}"]
        size, agreement = peak(figures), figures.get("agreement")
        shown = ["", "", ""]
        if agreement:
            equal = max(agreement.values()) <= MOST_DIFFERENCE[name.removesuffix("_xla")]
            shown = [f"{agreement['loss']:.0e}", f"{agreement['gradient']:.0e}", "yes" if equal else "no"]
        table.add_row(name, *speeds, "" if size is None else f"{size / 1e6:,.0f}", *shown)
    return table


def _shapes(phase: Figures) -> Table:
    table = figures_table(
        ["contestant", "device", "cuDNN ran"],
        ["shapes", "at most", "padding %", "first s"],
        caption="shapes: of a round, and the number of buckets; XLA compiles each once, in the first round",
    )
    for name, figures in phase["contestants"].items():
        # The peer tells nothing of these, and the processor no more than its device where it does not train.
        shapes, bound, padding = (figures.get(key) for key in ("shapes", "shape_bound", "padding"))
        cudnn, first = figures.get("cudnn"), figures.get("first_seconds")
        table.add_row(
            name,
            figures["device"]["name"],
            "" if cudnn is None else "yes" if cudnn["ran"] else "no",
            "" if shapes is None else str(shapes),
            "" if bound is None else str(bound),
            "" if padding is None else f"{100 * padding:.1f}",
            "" if first is None else f"{first:.1f}",
        )
    return table
