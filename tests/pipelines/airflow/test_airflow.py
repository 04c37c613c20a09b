"""Pipelines on a real Airflow: a small one that fails, is killed and goes on; ours, whose model is a local run's."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import ml_metadata
import pytest
from click.testing import CliRunner
from helpers.programs import program
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.cli.cli import main
from tfx_lm.components.evaluator import results
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords
from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline, write_compiled

pytestmark = pytest.mark.slow

TFX_LM = Path(sys.executable).parent / "tfx-lm"
DAG = """
from tfx_lm.pipelines.airflow import create_dag

dag = create_dag({pipeline!r}, command={command!r}, dag_id={dag!r}, environment={environment!r})
"""


def compiled(airflow, dag: str) -> Path:
    """The file of the compiled pipeline of a DAG."""
    return airflow.home / "dags" / f"{dag}.json"


def add_dag(airflow, dag: str, command: str, environment: dict[str, str]) -> None:
    text = DAG.format(pipeline=str(compiled(airflow, dag)), command=command, dag=dag, environment=environment)
    compiled(airflow, dag).with_suffix(".py").write_text(text)


def new_metadata(airflow, dag: str) -> str:
    """A new database for the ML Metadata of a DAG; returns its URL, without the password."""
    name = f"mlmd{airflow.version}_{dag}"
    airflow.postgresql.query("postgres", f"create database {name}")
    return airflow.postgresql.url(name, password=False)


def open_metadata(airflow, dag: str) -> ml_metadata.MetadataStore:
    return ml_metadata.MetadataStore(connection_config(airflow.postgresql.url(f"mlmd{airflow.version}_{dag}")))


@pytest.fixture(scope="module")
def interrupted(airflow, small_nodes, tmp_path_factory, forked_python) -> Path:
    """The DAG `interrupted`, of small nodes; returns their folder.

    On Airflow 3, the tasks of the node Wait start as a user's do. All others, here and in `complete`, are forks.
    """
    folder = tmp_path_factory.mktemp("interrupted")
    pipeline = small_nodes.interrupted_pipeline(folder, connection_config(new_metadata(airflow, "interrupted")))
    write_compiled(compile_pipeline(pipeline), compiled(airflow, "interrupted"))
    command = folder / "tfx-lm"
    as_a_users = f'[ "$TFX_LM_NODE" = Wait ] && exec {TFX_LM} "$@"\n' if airflow.version >= 3 else ""
    command.write_text(f'#!/bin/sh\n{as_a_users}exec {shlex.join([str(forked_python), str(TFX_LM)])} "$@"\n')
    command.chmod(0o755)
    # The nodes are imported by name.
    add_dag(airflow, "interrupted", str(command), {"PYTHONPATH": os.environ["PYTHONPATH"]})
    return folder


@pytest.fixture(scope="module")
def complete(airflow, local_run, forked_python) -> Path:
    """The DAG `complete`, of the configuration and the corpus of the local run; returns the output folder."""
    folder, output = local_run.output.parent, airflow.home / "output"
    arguments = (
        "compile", "--runner", "airflow", "--output", compiled(airflow, "complete"),
        "--config", folder / "small.yaml", "--data", folder / "corpus.txt",
        "--set", f"output={output}", "--set", f"metadata={new_metadata(airflow, 'complete')}",
    )  # fmt: skip
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    # The serving check of the local run itself starts a fresh process.
    environment = {"TFX_LM_TEST_EXECUTABLE": str(forked_python)}
    add_dag(airflow, "complete", shlex.join([str(forked_python), str(TFX_LM)]), environment)
    return output


@pytest.fixture(scope="module")
def running(airflow, interrupted, complete):
    """Airflow, which knows both DAGs and runs `complete`, while tests look at `interrupted`."""
    airflow.serve()
    airflow.wait_for_dags({"interrupted", "complete"})
    airflow.trigger("complete", "only", **{"pipeline-root": str(complete / "elsewhere")})
    return airflow


def process_of(pipeline: Path, node: str, run_id: str) -> int:
    """The process that Airflow started for a node of a run, not the one that it forks for the work."""
    wanted, found = {"run-node", str(pipeline), node, run_id}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().decode().split("\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # It has just ended.
            continue
        if wanted <= set(arguments):
            found[int(folder.name)] = parent
    (process,) = [process for process, parent in found.items() if parent not in found]
    return process


def states_in_metadata(store: ml_metadata.MetadataStore, node: str) -> list[str]:
    context = store.get_context_by_type_and_name("node", f"small.{node}")
    executions = store.get_executions_by_context(context.id) if context else []
    return [
        metadata_store_pb2.Execution.State.Name(execution.last_known_state)
        for execution in sorted(executions, key=lambda execution: execution.id)
    ]


def test_the_dag_has_the_shape_of_the_pipeline(airflow_programs, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    upstream = {"A": [], "B": [], "C": ["A", "B"], "D": ["A"], "E": ["C", "D"]}
    nodes = [{"id": node, "upstream": before} for node, before in upstream.items()]
    (tmp_path / "my.dag.json").write_text(json.dumps({"schema": 1, "pipeline": "my-model", "nodes": nodes}))
    done = subprocess.run(
        program("dag_structure", tmp_path / "my.json", python=airflow_programs / "python"),
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("DAG ")]
    assert json.loads(line.removeprefix("DAG ")) == {
        "id": "my-model",
        "most_runs": 1,
        "upstream": {**upstream, "A": ["init_metadata"], "B": ["init_metadata"], "init_metadata": []},
        "retries": [0] * 6,
        "skips_on": [99],
        "colours": ["blue"],
        "parameters": ['{"data_spans": "2026-05-01"}'],
        "tries": [[""], ["--again"]],
        "tfx": False,
    }


def test_failures_are_mended_and_cleared_tasks_done_again(running, interrupted, capsys):
    store = open_metadata(running, "interrupted")
    # The first node fails, and with it the run.
    running.trigger("interrupted", "first")
    assert running.wait_for("interrupted", "first") == "failed"
    states = running.task_states("interrupted", "first")
    assert states == {
        "init_metadata": "success",
        "Begin": "failed",
        "Wait": "upstream_failed",
        "Double": "upstream_failed",
    }
    assert "tfx-lm: Begin failed: ValueError: nothing begins" in running.log("interrupted", "first", "Begin")
    assert states_in_metadata(store, "Begin") == ["FAILED"]

    # The cause is gone; the same run, its failed tasks cleared, goes on, until the second node is killed as it works.
    (interrupted / "mended").touch()
    running.command("tasks", "clear", "interrupted", "--only-failed", "--downstream", "--yes")
    deadline = time.monotonic() + 1200
    while not (interrupted / "started").exists():
        assert time.monotonic() < deadline, running.task_states("interrupted", "first")
        time.sleep(0.2)
    os.kill(process_of(compiled(running, "interrupted"), "Wait", "interrupted.first"), signal.SIGKILL)
    assert running.wait_for("interrupted", "first") == "failed"
    states = running.task_states("interrupted", "first")
    assert (states["Begin"], states["Wait"], states["Double"]) == ("success", "failed", "upstream_failed")
    assert states_in_metadata(store, "Begin") == ["COMPLETE"]
    assert states_in_metadata(store, "Wait") == ["RUNNING"]

    # The next run records it, takes what was done from the cache, and works.
    (interrupted / "hurry").touch()
    running.trigger("interrupted", "second")
    assert running.wait_for("interrupted", "second") == "success"
    assert "Begin: CACHED after" in running.log("interrupted", "second", "Begin")
    assert "Wait: COMPLETE after" in running.log("interrupted", "second", "Wait")
    assert states_in_metadata(store, "Wait") == ["FAILED", "COMPLETE"]
    killed = RunRecords(store, "small", "interrupted.first").error("Wait")
    assert killed is not None
    assert killed.startswith("its process was killed")
    made = RunRecords(store, "small", "interrupted.second").output("Double", "made")
    assert made is not None
    assert Path(made.uri).read_text() == "2"
    if running.version >= 3:
        timing = running.timing("interrupted", "second")
        with capsys.disabled():
            print(
                f"\nAirflow {running.command('version').strip()}, seconds{'waiting and starting':>34}{'own work':>10}"
            )
            for node, (seconds, own) in timing.items():
                print(f"    {node:<30}{seconds - own:>26.1f}{own:>10.1f}")

    # A task that succeeded is done again if it is cleared; in the first run it cannot be, since the one before failed.
    running.command("tasks", "clear", "interrupted", "--task-regex", "Double", "--yes")
    assert running.wait_for("interrupted", "second") == "success"
    assert running.log("interrupted", "second", "Double").count("Double: COMPLETE after") == 2
    assert states_in_metadata(store, "Double") == ["COMPLETE", "COMPLETE"]


def test_the_model_is_that_of_a_local_run(running, complete, local_run):
    assert running.wait_for("complete", "only") == "success"
    (version,) = (complete / "serving").glob("[0-9]*")  # Beside it lies the lock of the Pusher.
    assert (version / "saved_model.pb").exists()

    # The same configuration, the same perplexity.
    evaluation = RunRecords(open_metadata(running, "complete"), "small", "complete.only").output(
        "Evaluator", "evaluation"
    )
    assert evaluation is not None
    assert evaluation.uri.startswith(str(complete / "elsewhere"))
    perplexity = results.summarize_evaluation(evaluation.uri)["evaluation"]["perplexity"]
    assert perplexity == pytest.approx(local_run.summary["evaluation"]["perplexity"], rel=1e-6)
