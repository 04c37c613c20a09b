"""Tables of `tfx-lm compare`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from .score_texts import count_text, interval_text, score_text
from .summary_tables import INTERVAL


def print_comparison(comparison: dict[str, Any], console: Console) -> None:
    """Prints the scores of both models, the change by slice, and the verdict.

    Args:
        comparison: `exported.comparison.Comparison.as_json`.
        console: A `terminal.plain_console`, since names of slices are not markup.
    """
    scores = Table("", "MODEL_A", "MODEL_B", title=f"{comparison['lines']:,} lines", title_justify="left")
    for title, key, form in (("Perplexity per token", "perplexity", ".2f"), ("Bits per byte", "bits_per_byte", ".4f")):
        models = [comparison[model] for model in ("candidate", "baseline")]
        scores.add_row(title, *(score_text(model[key], form) for model in models))
        # A separate row: beside the values, it does not fit on 80 columns.
        scores.add_row(INTERVAL, *(interval_text(model[f"{key}_ci95"], form) for model in models))
    for title, key in (("Tokens", "tokens"), ("Unknown words", "oov_tokens")):
        scores.add_row(title, *(count_text(comparison[model][key]) for model in ("candidate", "baseline")))
    contexts = [comparison[model].get("context_tokens", 0) for model in ("candidate", "baseline")]
    if any(contexts):
        scores.add_row("Context tokens (read, not scored)", *(count_text(tokens) for tokens in contexts))
    changes = Table("How much worse MODEL_A is", "Lines", "Change", "95 % at least", "95 % at most")
    for name, part in {"all lines": comparison, **comparison["slices"]}.items():
        bounds = (_percent(part[key]) for key in ("change", "change_lower95", "change_upper95"))
        changes.add_row(name, f"{part['lines']:,}", *bounds)
    for column in (*scores.columns[1:], *changes.columns[1:]):
        column.justify = "right"
    console.print(scores)
    console.print(changes)
    verdict = "MODEL_A would be blessed" if comparison["gate"]["blessed"] else "MODEL_A would not be blessed"
    console.print(f"{verdict} beside MODEL_B:", highlight=False)
    for reason in comparison["gate"]["reasons"]:
        console.print(f"  {reason}", highlight=False)


def _percent(change: float | None) -> str:
    return "none" if change is None else f"{score_text(100 * change, '+.2f')} %"
