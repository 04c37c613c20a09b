"""`tfx-lm run-node`: runs one node of a compiled pipeline in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ... import progress
from ..errors import ConfigurationError
from ..metadata.metadata_store import SerialSqlite, check_sqlite
from ..metadata.node_metadata import NodeMetadata
from ..metadata.run_records import RunRecords
from ..unique_keys import DuplicateKeyError, read_json
from .artifact_files import DamageCheck
from .compiled_pipeline import graph, read_compiled, set_parameters
from .earlier_work import DONE, check_inputs, check_parameters, parameter_places
from .node_result import ALREADY_DONE, NodeResult
from .node_run import node_of_run, pipeline_connection, run_node
from .repetition import must_repeat, prepare

# Seconds between two lines of progress, since a log keeps every line.
PRINT_EVERY = 10.0


def run_node_of_file(file: Path, node_id: str, run_id: str, parameters: str, again: bool = False) -> NodeResult:
    """Runs a node of a compiled pipeline.

    Args:
        file: The file that `tfx-lm compile` wrote.
        node_id: One of its nodes.
        run_id: The run's id.
        parameters: Values of the pipeline's runtime parameters, as the text of a JSON object.
        again: True to do a node again that the run has done.

    Returns:
        The result. Its state is `ALREADY_DONE` if the run had done the node before, unless a node whose output it reads
        was done again since.

    Raises:
        ConfigurationError: The file or the node does not exist, the parameters are invalid or differ from earlier
            ones of this run, or the node's inputs do not exist yet.
    """
    if not run_id.strip():
        raise ConfigurationError("--run-id: is empty; give the same ID to all nodes of a run")
    ir = read_compiled(file)
    nodes = graph(ir)
    if node_id not in nodes:
        raise ConfigurationError(f"--node {node_id}: no such node; the nodes are {', '.join(nodes)}")
    values = read_parameters(parameters)
    places = parameter_places(ir)
    set_parameters(ir, run_id, values)
    connection = pipeline_connection(ir)
    with SerialSqlite(connection):
        check_sqlite(connection)
    with NodeMetadata(connection) as handle:
        records = RunRecords(handle.store, ir.pipeline_info.id, run_id)
        check_parameters(ir, places, run_id, records)
        if records.state(node_id) in DONE and not again and not must_repeat(ir, node_id, records):
            return NodeResult(node_id, ALREADY_DONE, 0.0)
        check_inputs(ir, node_id, run_id, records, DamageCheck(handle.unlocked))
        prepare(ir, node_id, run_id, records)
    with progress.listening(printer()):
        return run_node(ir, node_id, to_log=False)


def read_parameters(parameters: str) -> dict[str, Any]:
    """Reads the value of --parameters, a JSON object.

    Raises:
        ConfigurationError: It is something else.
    """
    try:
        values = read_json(parameters)
    except DuplicateKeyError as error:
        raise ConfigurationError(f"--parameters {parameters}: {error}") from error
    except ValueError as error:
        raise ConfigurationError(f"--parameters {parameters}: not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ConfigurationError(f"--parameters {parameters}: must be a JSON object")
    return values


def places(file: Path) -> dict[str, Path]:
    """Returns the folders that the nodes of a compiled pipeline write to; see `NodeOfRun.places`."""
    ir = read_compiled(file)
    set_parameters(ir, "", {})
    return node_of_run(ir, "").places()


def printer() -> Callable[[str, float | None], None]:
    """Returns a listener of progress that prints a line every ten seconds."""
    printed = float("-inf")

    def show(text: str, fraction: float | None) -> None:
        nonlocal printed
        now = time.monotonic()
        if now - printed >= PRINT_EVERY:
            printed = now
            print(text if fraction is None else f"{fraction:.0%} {text}", flush=True)

    return show
