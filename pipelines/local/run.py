"""A local run from a checked configuration to its summary."""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from ..config import PipelineConfig
from ..errors import ConfigurationError
from ..nodes.node_result import NodeResult
from ..results.pruned import Pruned
from ..results.summary import write_summary
from ..results.summary_tables import print_summary
from ..results.tuned_configuration import write_tuned_configuration
from .local_runner import run_pipeline
from .output_lock import HeldLock, locked_output
from .processes import call
from .run_plan import Plan
from .terminal import RunDisplay, output_to, plain_console


class UncollectedError(RuntimeError):
    """A run has ended, and what came of it cannot be read."""


def run_locally(
    config: PipelineConfig, from_nodes: Collection[str] = (), to_nodes: Collection[str] = (), wait: bool = False
) -> dict[str, Any]:
    """Runs the pipeline, shows it on the terminal and writes `summary.json`.

    Args:
        config: A configuration that passed `preflight.check_run`.
        from_nodes: The first nodes to run; empty: the roots.
        to_nodes: The last nodes to run; empty: the leaves.
        wait: True to wait for another run in the same output folder.

    Returns:
        The summary that was written.

    Raises:
        ConfigurationError: `from_nodes` or `to_nodes` has a name that no node has, or another run works in the output
            folder.
        UncollectedError: All nodes have ended, and ML Metadata cannot be read.
    """
    output = Path(config.output)
    with locked_output(output, _show_waiting if wait else None) as lock:
        return _run(config, output, from_nodes, to_nodes, lock)


def _show_waiting(text: str) -> None:
    plain_console().print(text, highlight=False, soft_wrap=True)


def _run(
    config: PipelineConfig, output: Path, from_nodes: Collection[str], to_nodes: Collection[str], lock: HeldLock
) -> dict[str, Any]:
    logs = output / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log_file = logs / f"{datetime.datetime.now():%Y%m%d-%H%M%S}.log"
    with output_to(log_file) as terminal:
        console = plain_console(terminal)
        console.print(f"Log: {log_file}", highlight=False, soft_wrap=True)
        plan = call(log_file, _plan, config, tuple(from_nodes), tuple(to_nodes))
        display = RunDisplay(console)
        with display.shown():
            nodes = run_pipeline(plan, display, log_file, lock=lock)
        try:
            summary = call(log_file, _summarize, config, plan.run_id, nodes)
        except UncollectedError:
            _show_failures(nodes, log_file, console)
            raise
        write_summary(summary, output / "summary.json")
        is_whole = not from_nodes and not to_nodes and all(node.state != "FAILED" for node in nodes)
        if config.keep_runs is not None and is_whole:
            # The first summary stays if the pruning is killed.
            pruned, problems = _pruned(config, log_file)
            summary = {**summary, "pruned": pruned, "warnings": [*summary["warnings"], *problems]}
            write_summary(summary, output / "summary.json")
        print_summary(summary, console)
        if tuned := write_tuned_configuration(config, summary, output):
            console.print(f"Configuration with the best trial: {tuned}", highlight=False, soft_wrap=True)
        _show_failures(nodes, log_file, console)
    return summary


def _show_failures(nodes: Iterable[NodeResult], log_file: Path, console: Console) -> None:
    for node in nodes:
        if node.error:
            console.print(f"{node.id} failed: {node.error}", highlight=False, soft_wrap=True)
            console.print(f"Log: {os.fspath(log_file)}", highlight=False, soft_wrap=True)


def _pruned(config: PipelineConfig, log_file: Path) -> tuple[dict[str, int] | None, list[str]]:
    """Prunes the output folder; returns what was deleted, None if that is not known, and sentences about problems."""
    try:
        pruned = call(log_file, _prune, config)
    except Exception as error:
        # The run itself has ended well, and may have pushed; the log has the traceback.
        return None, [f"old runs could not be pruned ({error}); the next run tries again"]
    return pruned.as_json(), pruned.problems


# These run in processes that have imported TFX, which this one has not.


def _plan(config: PipelineConfig, from_nodes: Collection[str], to_nodes: Collection[str]) -> Plan:
    from .local_plan import plan_run

    return plan_run(config, from_nodes, to_nodes)


def _summarize(config: PipelineConfig, run_id: str, nodes: list[NodeResult]) -> dict[str, Any]:
    import ml_metadata as mlmd

    from ..metadata.run_records import open_records
    from ..results.collect import collect_summary

    try:
        return collect_summary(config, run_id, nodes, open_records(config.metadata_url(), config.name, run_id))
    except (ConfigurationError, mlmd.errors.StatusError) as error:
        # The nodes ran, so this is not a wrong configuration any more. And the class of the second one cannot be sent
        # to another process.
        raise UncollectedError(
            f"the run has ended, and its results cannot be read from ML Metadata ({error}). If it pushed a model, that "
            f"is the newest version in {config.output}/serving; {config.output}/summary.json is of an earlier run, if "
            "it is there. Run the command again when the database answers: what is done comes from the cache"
        ) from error


def _prune(config: PipelineConfig) -> Pruned:
    import ml_metadata as mlmd

    from .prune import prune

    try:
        return prune(config)
    except mlmd.errors.StatusError as error:
        # Its class cannot be sent to another process.
        raise RuntimeError(str(error)) from error
