"""`tfx-lm run-node` on the small pipeline, and what ML Metadata holds of it afterwards."""

from pathlib import Path

import ml_metadata
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.cli import cli
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords, open_records

RUNNING, COMPLETE, FAILED = (
    getattr(metadata_store_pb2.Execution, state) for state in ("RUNNING", "COMPLETE", "FAILED")
)


def run_node(file: Path, node: str, *options: str, run_id: str = "first"):
    return CliRunner().invoke(
        cli.main, ["run-node", "--pipeline", str(file), "--node", node, "--run-id", run_id, *options]
    )


def records(file: Path, run_id: str = "first") -> RunRecords:
    return open_records(f"sqlite:///{file.parent}/metadata.sqlite", "small", run_id)


def metadata_store(file: Path):
    return ml_metadata.MetadataStore(connection_config(f"sqlite:///{file.parent}/metadata.sqlite"))


def output(file: Path, node: str, run_id: str = "first") -> metadata_store_pb2.Artifact:
    made = records(file, run_id).output(node, "made")
    assert made is not None, f"{node} has made nothing in run {run_id}"
    return made


def output_id(file: Path, node: str, run_id: str = "first") -> int:
    return output(file, node, run_id).id


def input_ids(file: Path, node: str) -> list[int]:
    """The artifacts that the newest execution of a node has read."""
    events = metadata_store(file).get_events_by_execution_ids([records(file).newest_id(node)])
    return [event.artifact_id for event in events if event.type == metadata_store_pb2.Event.INPUT]


def last_known_state(file: Path, node: str) -> int:
    store = metadata_store(file)
    context = store.get_context_by_type_and_name("node", f"small.{node}")
    return max(store.get_executions_by_context(context.id), key=lambda execution: execution.id).last_known_state


def value(file: Path, node: str, run_id: str = "first") -> int:
    return int(Path(output(file, node, run_id).uri).read_text())
