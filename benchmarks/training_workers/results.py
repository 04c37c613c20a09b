"""Ratios and tables from the contestants' answers."""

import statistics
from collections.abc import Mapping
from typing import Any

from rich.table import Table
from shared.report import figures_table
from tfx_lm.model.options import TrainerOptions

# By key: the contestant above the line and the one below it.
SPEEDS = {
    "vs_keras_padded": ("ours", "keras_padded"),
    "vs_pytorch": ("ours", "pytorch"),
    "vs_pytorch_untied": ("ours_untied", "pytorch_untied"),
    "vs_pytorch_bfloat16": ("ours_bfloat16", "pytorch_bfloat16"),
    "vs_pytorch_adaptive": ("ours_adaptive", "pytorch_adaptive"),
    "of_sgemm": ("ours", "sgemm_tensorflow"),
    "of_sgemm_untied": ("ours_untied", "sgemm_tensorflow"),
    "adaptive_vs_full": ("ours_adaptive", "ours"),
    "fit_vs_loop": ("ours", "ours_loop"),
    "bfloat16_vs_float32": ("ours_bfloat16", "ours"),
    "bfloat16_of_gemm": ("ours_bfloat16", "gemm_bfloat16"),
    "pytorch_of_sgemm": ("pytorch", "sgemm_pytorch"),
    "pytorch_allocator": ("pytorch", "pytorch_default_allocator"),
}

# By key: contestants whose peaks of memory are compared, each from the loaded process on.
MEMORIES = {"memory_vs_keras": ("ours", "keras_padded"), "memory_vs_pytorch_chunked": ("ours", "pytorch_chunked")}
# What a user chooses from: the fastest of each side is compared.
OURS = ("ours", "ours_bfloat16", "ours_adaptive", "ours_adaptive_bfloat16")
PYTORCH = ("pytorch", "pytorch_bfloat16", "pytorch_adaptive", "pytorch_adaptive_bfloat16", "pytorch_chunked")

NUMBERS = ("tokens/s", "slowest", "fastest", "others", "MB", "beyond")
NOTE = (
    "medians of the rounds; others: cores that other processes kept busy; "
    "MB: peak over the loaded process; beyond: over parameters and optimizer"
)

Figures = Mapping[str, Any]


def matmul_flops(vocabulary: int, options: TrainerOptions) -> int:
    """Returns the FLOPs of a token's matrix products, forwards and backwards: 6 for each weight.

    Example: 10,000 ids and two layers of 200 units are 6 * (2,000,000 + 2 * 320,000) = 15,840,000.
    """
    units = options.units
    return 6 * (vocabulary * units + options.layers * (2 * units * 4 * units))


def ratios(phases: Mapping[str, Figures], options: TrainerOptions) -> dict[str, float]:
    """Returns the ratios between the contestants, each key with the label of its vocabulary.

    Args:
        phases: By label of the vocabulary: `vocabulary` (its size) and `contestants`, by name with `rates` (work per
            second of each round), `memory` (bytes: `loaded` and `peak`, or none) and `state_bytes`.
        options: The model's options.

    Returns:
        Ratios of the medians of the rates; of_sgemm and bfloat16_of_gemm are the shares of the library's FLOPs per
        second that the matrix products of the training reach. vs_pytorch_best compares the fastest of OURS with the
        fastest of PYTORCH. memory_vs_keras and memory_vs_pytorch_chunked are ratios of the peaks of memory over the
        loaded process. For the larger vocabularies: ratios to the first one of the memory beyond parameters and
        optimizer state.
    """
    result: dict[str, float] = {}
    for label, phase in phases.items():
        by_name = phase["contestants"]
        for key, (one, other) in SPEEDS.items():
            if all(by_name.get(name, {}).get("rates") for name in (one, other)):
                flops = matmul_flops(phase["vocabulary"], options) if "gemm" in key else 1
                result[f"{key}_{label}"] = flops * rate(by_name[one]) / rate(by_name[other])
        best = [max((rate(by_name[each]) for each in names if by_name.get(each, {}).get("rates")), default=0.0)
                for names in (OURS, PYTORCH)]  # fmt: skip
        if all(best):
            result[f"vs_pytorch_best_{label}"] = best[0] / best[1]
        for key, names in MEMORIES.items():
            pair = [by_name.get(name) for name in names]
            if all(each and each["memory"] for each in pair):
                result[f"{key}_{label}"] = over_loaded(pair[0]) / over_loaded(pair[1])
    first, *others = ((label, phase["contestants"].get("ours")) for label, phase in phases.items())
    for label, ours in others:
        if all(each and each["memory"] for each in (ours, first[1])):
            result[f"memory_{label}_vs_{first[0]}"] = beyond_state(ours) / beyond_state(first[1])
    return result


def rate(contestant: Figures) -> float:
    """Returns the median of the rounds, in work per second."""
    return statistics.median(contestant["rates"])


def over_loaded(contestant: Figures) -> int:
    """Returns the peak bytes of the training steps over the process with model and optimizer built."""
    return contestant["memory"]["peak"] - contestant["memory"]["loaded"]


def beyond_state(contestant: Figures) -> int:
    """Returns the peak bytes of the training steps beyond parameters and optimizer state, with libraries."""
    return contestant["memory"]["peak"] - contestant["state_bytes"]


def contestants_tables(phases: Mapping[str, Figures]) -> list[Table]:
    """Returns speed and memory of each contestant, one table per vocabulary."""
    tables = []
    for phase in phases.values():
        title = f"{phase['vocabulary']:,} words, {phase['tokens']:,} tokens a round"
        shown = figures_table(["contestant"], NUMBERS, title=title, caption=NOTE)
        for name, figures in phase["contestants"].items():
            shown.add_row(*_row(name, figures))
        tables.append(shown)
    return tables


def _row(name: str, figures: Figures) -> list[str]:
    rates, speeds, others, sizes = figures["rates"], [""] * 3, "", [""] * 2
    # The work of matrix products is in FLOPs, not tokens.
    unit, label = (1e9, f"{name}, GFLOP/s") if "version" in figures else (1, name)
    if rates:
        speeds = [f"{value / unit:,.0f}" for value in (rate(figures), min(rates), max(rates))]
        others = f"{statistics.median(figures['other_cores']):.1f}"
    if "state_bytes" in figures and figures["memory"]:
        sizes = [f"{size / 1e6:,.0f}" for size in (over_loaded(figures), beyond_state(figures))]
    return [label, *speeds, others, *sizes]
