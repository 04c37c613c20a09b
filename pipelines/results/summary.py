"""What a run says at its end: `summary.json` for programs, a table for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ... import atomic_file
from ...exported.json_values import json_values
from ..config import PipelineConfig
from ..nodes.node_result import NodeResult

if TYPE_CHECKING:
    from ..metadata.run_records import RunRecords

SCHEMA = 1


def summarize(config: PipelineConfig, run_id: str, nodes: Sequence[NodeResult], records: RunRecords) -> dict[str, Any]:
    """Collects what a run did and what its gate decided.

    Args:
        config: The run's configuration.
        run_id: The run's id.
        nodes: How each node ended.
        records: The run's ML Metadata.

    Returns:
        The content of `summary.json`. `evaluation`, `baseline`, `change`, `slices` and `gate` are null where the
        Evaluator did not end, and `serving_check` (see `components.serving_check.verdict.ServingVerdict`) where the
        ServingCheck did not; `pushed_model` is null where nothing was pushed, or where what a cached Pusher once
        pushed is gone, which `warnings` then says; `report` is null where no report was written. Losses are in nats.
    """
    evaluation: dict[str, Any] = dict.fromkeys(("evaluation", "baseline", "change", "slices", "gate"))
    state = {node.id: node.state for node in nodes}
    if state.get("Evaluator") in ("COMPLETE", "CACHED"):
        evaluation_artifact = records.output("Evaluator", "evaluation")
        if evaluation_artifact is not None:
            # It imports TensorFlow, which the process that prints the summary does without.
            from ...components.evaluator import results

            evaluation = results.summarize_evaluation(evaluation_artifact.uri)
    pushed_model, warnings = _pushed_model(state, records), _warnings(config, records)
    if pushed_model is not None and not Path(pushed_model).is_dir():
        warnings.append(
            f"{pushed_model}, which the Pusher pushed, is gone (rolled back, or removed as one of the oldest); a "
            "cached Pusher does not push again"
        )
        pushed_model = None
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "config": config.model_dump(mode="json"),
        "nodes": [
            {"id": node.id, "state": node.state, "seconds": round(node.seconds, 3)}
            | ({"error": node.error} if node.error else {})
            for node in nodes
        ],
        "warnings": warnings,
        **evaluation,
        "serving_check": _serving_check(state, records),
        "pushed_model": pushed_model,
        "report": _report(state, records),
    }


def _serving_check(state: dict[str, str], records: RunRecords) -> dict[str, Any] | None:
    artifact = records.output("ServingCheck", "blessing")
    if state.get("ServingCheck") not in ("COMPLETE", "CACHED") or artifact is None:
        return None
    from ...components.serving_check.verdict import read_verdict

    return read_verdict(artifact.uri)


def _pushed_model(state: dict[str, str], records: RunRecords) -> str | None:
    if state.get("Pusher") not in ("COMPLETE", "CACHED"):
        return None
    artifact = records.output("Pusher", "pushed_model")
    if artifact is None or artifact.custom_properties["pushed"].int_value != 1:
        return None
    return artifact.custom_properties["pushed_destination"].string_value


def _report(state: dict[str, str], records: RunRecords) -> str | None:
    if state.get("Report") not in ("COMPLETE", "CACHED"):
        return None
    artifact = records.output("Report", "report")
    from ...components.report.artifact import page_path

    return None if artifact is None else page_path(artifact.uri)


def _warnings(config: PipelineConfig, records: RunRecords) -> list[str]:
    warnings = []
    graph = records.output("Transform", "transform_graph")
    if graph is not None and config.vocabulary.size is not None and config.vocabulary.file is None:
        from ...transform import vocabulary

        path = Path(graph.uri) / "transform_fn" / "assets" / vocabulary.VOCABULARY_NAME
        words = len(vocabulary.read_vocabulary(str(path))) - len(vocabulary.RESERVED)
        if words < config.vocabulary.size:
            warnings.append(f"vocabulary.size={config.vocabulary.size}: the corpus has only {words} such words")
    examples = records.output("TextExampleGen", "examples")
    if examples is not None:
        invalid = examples.custom_properties["invalid_utf8_dropped"].int_value
        if invalid:
            warnings.append(f"{invalid} lines that are not UTF-8 were dropped")
    return warnings


def write_summary(summary: dict[str, Any], path: Path) -> None:
    """Writes `summary.json` as a whole or not at all; NaN and infinity become null, which JSON can hold."""
    atomic_file.write_text(path, json.dumps(json_values(summary), indent=2, allow_nan=False) + "\n")


def print_summary(summary: dict[str, Any], console: Console) -> None:
    """Prints the table of nodes, the scores beside the baseline's, the verdict, and where model and report are.

    Args:
        summary: From `summarize`.
        console: Where to; a `terminal.plain_console`, since reasons and paths are shown as they are.
    """
    nodes = Table("Node", "State", "Seconds", title=f"Run {summary['run_id']}", title_justify="left")
    nodes.columns[2].justify = "right"
    for node in summary["nodes"]:
        nodes.add_row(node["id"], node["state"], f"{node['seconds']:.1f}")
    console.print(nodes)
    for warning in summary["warnings"]:
        console.print(f"warning: {warning}", highlight=False)
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
    low, high = evaluation["perplexity_ci95"]
    rows = [
        ("Perplexity per token", "perplexity", ".2f"),
        ("Perplexity without unknown words", "perplexity_without_oov", ".2f"),
        ("Bits per byte", "bits_per_byte", ".4f"),
        ("Tokens", "tokens", ",.0f"),
        ("Unknown words", "oov_tokens", ",.0f"),
        ("Tokens cut off", "truncated_tokens", ",.0f"),
    ]
    for title, key, form in rows:
        row = [title, format(evaluation[key], form)]
        if key == "perplexity":
            row[1] += f"  (95 %: {low:.2f} to {high:.2f})"
        if baseline:
            row.append(format(baseline[key], form))
        table.add_row(*row)
    for column in table.columns[1:]:
        column.justify = "right"
    return table
