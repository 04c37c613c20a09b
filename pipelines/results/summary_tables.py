"""Summary of a run on the terminal: its nodes, its scores and the baseline's, the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from ...components.text_example_gen.span_numbers import spans_in_words
from ...components.trainer.started_from import StartedFrom
from ...components.tuner.results import best_trial, value_text
from .pruned import Pruned
from .score_texts import count_text, interval_text, score_text

INTERVAL = "  95 % interval"


def print_summary(summary: dict[str, Any], console: Console) -> None:
    """Prints the nodes, the scores and the baseline's, the verdict, and the paths of model and report.

    Args:
        summary: From `collect.collect_summary`.
        console: A `terminal.plain_console`, since reasons and paths are not markup.
    """
    nodes = Table("Node", "State", "Seconds", title=f"Run {summary['run_id']}", title_justify="left")
    nodes.columns[2].justify = "right"
    for node in summary["nodes"]:
        nodes.add_row(node["id"], node["state"], f"{node['seconds']:.1f}")
    console.print(nodes)
    for warning in summary["warnings"]:
        console.print(f"warning: {warning}", highlight=False)
    if summary["spans"]:
        console.print(f"Spans read: {spans_in_words(summary['spans'])}.", highlight=False)
    if "drift" in summary:
        _print_drift(summary["drift"], console)
    if "tuner" in summary:
        console.print(_trials_table(summary["tuner"]))
    if summary["precision"]:
        console.print("Trained in {value}, since {reason}.".format(**summary["precision"]), highlight=False)
    if summary["started_from"]:
        console.print(str(StartedFrom(**summary["started_from"])), highlight=False, soft_wrap=True)
    if summary["evaluation"]:
        console.print(_score_table(summary))
    if summary["gate"]:
        console.print("Blessed." if summary["gate"]["blessed"] else "Not blessed:", highlight=False)
        for reason in summary["gate"]["reasons"]:
            console.print(f"  {reason}", highlight=False)
    if summary["serving_check"]:
        _print_serving_check(summary["serving_check"], console)
    pushed = summary["pushed_model"]
    console.print(f"Pushed to {pushed}" if pushed else "Nothing was pushed.", highlight=False, soft_wrap=True)
    if summary["report"]:
        console.print(f"Report: {summary['report']}", highlight=False, soft_wrap=True)
    if summary["pruned"]:
        console.print(str(Pruned(**summary["pruned"])), highlight=False, soft_wrap=True)


def _print_drift(drift: dict[str, Any], console: Console) -> None:
    if drift["unmeasured"]:
        console.print(f"No drift is measured: {drift['unmeasured']}.", highlight=False, soft_wrap=True)
        return
    found = "Drift" if drift["anomalies"] else "No drift"
    console.print(f"{found} against the text of {drift['compared_with']}.", highlight=False, soft_wrap=True)
    for anomaly in drift["anomalies"]:
        console.print(f"  {anomaly}", highlight=False)


def _trials_table(trials: list[dict[str, Any]]) -> Table:
    best = best_trial(trials)
    table = Table("Trial", "Perplexity", title="Trials, the best marked with *", title_justify="left")
    for name in best["values"]:
        table.add_column(name)
    for number, trial in enumerate(trials, 1):
        mark = " *" if trial is best else ""
        score = "failed" if trial["perplexity"] is None else f"{score_text(trial['perplexity'])}{mark}"
        table.add_row(str(number), score, *(value_text(trial["values"][name]) for name in best["values"]))
    return table


def _print_serving_check(check: dict[str, Any], console: Console) -> None:
    if check["blessed"]:
        latency = check["latency_ms"]
        console.print(
            f"Serves: loads in {check['load_seconds']:.1f} s, a sentence takes {latency['median']:.1f} ms "
            f"(95 % within {latency['p95']:.1f} ms).",
            highlight=False,
        )
    else:
        console.print("Does not serve:", highlight=False)
        for reason in check["reasons"]:
            console.print(f"  {reason}", highlight=False)


def _score_table(summary: dict[str, Any]) -> Table:
    evaluation, baseline = summary["evaluation"], summary["baseline"]
    table = Table(f"Held-out score ({evaluation['split']} split)", "Model")
    if baseline:
        table.add_column("Baseline")
    rows: list[tuple[str, str, Callable[[float], str]]] = [
        ("Perplexity per token", "perplexity", score_text),
        ("Perplexity without unknown words", "perplexity_without_oov", score_text),
        ("Bits per byte", "bits_per_byte", lambda bits: score_text(bits, ".4f")),
        ("Tokens", "tokens", count_text),
        ("Unknown words", "oov_tokens", count_text),
        ("Tokens cut off", "truncated_tokens", count_text),
    ]
    if any(scores.get("context_tokens") for scores in (evaluation, baseline or {})):
        rows.append(("Context tokens (read, not scored)", "context_tokens", count_text))
    for title, key, form in rows:
        models = [evaluation, baseline] if baseline else [evaluation]
        table.add_row(title, *(form(scores.get(key, 0)) for scores in models))
        if key == "perplexity":
            # A separate row: beside the value, it does not fit on 80 columns with a baseline.
            table.add_row(INTERVAL, *(interval_text(scores.get("perplexity_ci95")) for scores in models))
    if "pieces_per_word" in summary:
        table.add_row("Pieces per word", f"{summary['pieces_per_word']:.2f}", *([""] if baseline else []))
    for column in table.columns[1:]:
        column.justify = "right"
    return table
