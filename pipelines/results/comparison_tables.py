"""What `tfx-lm compare` shows to people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from ..local.terminal import plain_console
from .summary_tables import INTERVAL


def print_comparison(found: dict[str, Any], console: Console | None = None) -> None:
    """Prints the scores of both models, the change by slice, and the verdict.

    Args:
        found: `exported.comparison.Comparison.as_json`.
        console: Where to, without markup; standard output without one.
    """
    console = console or plain_console()
    scores = Table("", "MODEL_A", "MODEL_B", title=f"{found['lines']:,} lines", title_justify="left")
    for title, key, form in (("Perplexity per token", "perplexity", ".2f"), ("Bits per byte", "bits_per_byte", ".4f")):
        models = [found[model] for model in ("candidate", "baseline")]
        scores.add_row(title, *(_number(model[key], form) for model in models))
        intervals = (" to ".join(_number(bound, form) for bound in model[f"{key}_ci95"]) for model in models)
        # A row of its own: beside the values, it does not fit on 80 columns.
        scores.add_row(INTERVAL, *intervals)
    for title, key in (("Tokens", "tokens"), ("Unknown words", "oov_tokens")):
        scores.add_row(title, *(f"{found[model][key]:,}" for model in ("candidate", "baseline")))
    changes = Table("How much worse MODEL_A is", "Lines", "Change", "95 % at least", "95 % at most")
    for name, part in {"all lines": found, **found["slices"]}.items():
        bounds = (_percent(part[key]) for key in ("change", "change_lower95", "change_upper95"))
        changes.add_row(name, f"{part['lines']:,}", *bounds)
    for column in (*scores.columns[1:], *changes.columns[1:]):
        column.justify = "right"
    console.print(scores)
    console.print(changes)
    verdict = "MODEL_A would be blessed" if found["gate"]["blessed"] else "MODEL_A would not be blessed"
    console.print(f"{verdict} beside MODEL_B:", highlight=False)
    for reason in found["gate"]["reasons"]:
        console.print(f"  {reason}", highlight=False)


def _number(number: float | None, form: str) -> str:
    return "none" if number is None else f"{number:{form}}"


def _percent(change: float | None) -> str:
    return "none" if change is None else f"{100 * change:+.2f} %"
