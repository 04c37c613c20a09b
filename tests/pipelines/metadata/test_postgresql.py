"""ML Metadata in PostgreSQL: what TFX makes of answers in any order, and of messages with a backslash."""

import re
from pathlib import Path

import ml_metadata as mlmd
import pytest
from tfx_lm.pipelines.metadata.metadata_store import connection_config, initialize_store, resolve_connection
from tfx_lm.pipelines.metadata.node_metadata import without_backslashes
from tfx_lm.pipelines.metadata.run_records import RunRecords
from tfx_lm.pipelines.nodes.artifact_files import damage_of, record_files
from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline, set_parameters
from tfx_lm.pipelines.nodes.node_run import run_node

pytestmark = pytest.mark.slow


@pytest.fixture
def run(small_nodes, postgresql, tmp_path, monkeypatch):
    """A function that runs nodes of a pipeline whose node Three has three outputs, each of another type."""
    postgresql.query("postgres", "create database nodes")
    monkeypatch.setenv("TFX_LM_METADATA_PASSWORD", postgresql.password)
    connection = connection_config(postgresql.url("nodes", password=False))
    initialize_store(resolve_connection(connection))

    def run(run_id, *nodes):
        ir = compile_pipeline(small_nodes.pipeline_of(tmp_path, connection, small_nodes.with_three_outputs))
        set_parameters(ir, run_id, {})
        results = [run_node(ir, node) for node in nodes]
        records = RunRecords(mlmd.MetadataStore(resolve_connection(connection)), "small", run_id)
        return results, records

    yield run
    postgresql.query("postgres", "drop database nodes with (force)")


def test_failures_are_recorded_and_cached_outputs_keep_their_names(run, tmp_path):
    (number, three), records = run("first", "Number", "Three")
    assert (number.state, three.state) == ("COMPLETE", "FAILED")
    assert three.error == "ValueError: \"three\\\nnaïve: it's {bad}"
    assert (records.state("Three"), records.error("Three")) == ("FAILED", "ValueError: 'three/; na?ve: it's {bad}")

    # The launcher records this one itself, with an error of many lines.
    (check,), records = run("first", "Check")
    assert check.state == "FAILED"
    # Which of the missing inputs it names is as protocol buffers order them, which is not the same in every process.
    assert re.search(r"inputs\[(whole|half|name)\] has min_count = 1 but only got 0 artifacts", check.error)
    assert "PostgreSQL" not in check.error

    (tmp_path / "mended").touch()
    (three, check), _ = run("first", "Three", "Check")
    assert (three.state, check.state) == ("COMPLETE", "COMPLETE")
    for run_id in ("second", "third"):
        (number, three, check), records = run(run_id, "Number", "Three", "Check")
        assert (number.state, three.state, check.state) == ("CACHED", "CACHED", "CACHED")
        assert [records.output("Three", key).uri.split("/")[-3] for key in ("whole", "half", "name")] == [
            "whole", "half", "name",
        ]  # fmt: skip


def test_the_sums_of_many_files_are_recorded(run):
    """PostgreSQL's index on properties takes no long values."""
    _, records = run("first", "Number")
    made = Path(records.output("Number", "made").uri)
    made.unlink()
    made.mkdir()
    for number in range(100):
        (made / f"part-{number}").write_text(str(number))
    record_files(records, "Number")
    assert damage_of(records.output("Number", "made")) is None
    (made / "part-99").unlink()
    assert damage_of(records.output("Number", "made")) == f"{made}: part-99 is missing"


def test_the_password_is_in_no_file_no_output_and_no_record(run, postgresql, tmp_path, capfd):
    results, _ = run("first", "Number", "Three")
    assert [result.state for result in results] == ["COMPLETE", "FAILED"]
    texts = [path.read_bytes().decode(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    tables = postgresql.query("nodes", "select tablename from pg_tables where schemaname = 'public'")
    rows = [str(postgresql.query("nodes", f'select t from "{name}" t')) for (name,) in tables]
    assert "ValueError: " in "".join(rows)
    shown = capfd.readouterr()
    assert "ValueError: " in shown.out + shown.err
    assert not [text for text in (*texts, *rows, *shown, repr(results)) if postgresql.password in text]


def test_the_docstrings_example():
    result = r'{"code": 1, "resultMessage": "a\nno \"b\" in c:\\d"}'
    assert without_backslashes(result) == """{"code": 1, "resultMessage": "a; no 'b' in c:/d"}"""
