"""The pipeline on a real Airflow: killed, failed, resumed, and at last the same model as a local run's."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import ml_metadata
import pytest
from helpers.programs import program
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.components.evaluator import results
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords

pytestmark = pytest.mark.slow

TFX_LM = Path(sys.executable).parent / "tfx-lm"
DAG = """
from tfx_lm.pipelines.airflow import create_dag

dag = create_dag({pipeline!r}, command={command!r})
"""
CONFIG = """
name: small
data: {tokenizer: word, eval_percent: 20}
vocabulary: {size: 40}
trainer: {embedding_units: 16, units: 16, layers: 1, epochs: 2, batch_tokens: 512, learning_rate: 0.02}
gate: {max_perplexity: 45, tolerance: 0.5}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A corpus with something to learn, and a configuration."""
    folder = tmp_path_factory.mktemp("small")
    choose = random.Random(7).choice
    nouns, verbs, places = ["cat", "dog", "bird", "owl"], ["sees", "hears"], ["at night", "in the garden"]
    lines = [
        f"The {choose(nouns)} {choose(verbs)} a {choose(nouns)} {choose(places)} {number % 97}.\n"
        for number in range(1200)
    ]
    (folder / "corpus.txt").write_text("".join(lines))
    (folder / "small.yaml").write_text(CONFIG)
    return folder


def tfx_lm(*arguments: object) -> str:
    done = subprocess.run([TFX_LM, *map(str, arguments)], capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def local_perplexity(folder) -> float:
    output = folder / "local"
    tfx_lm("run", "--config", folder / "small.yaml", "--data", folder / "corpus.txt", "--output", output)
    return json.loads((output / "summary.json").read_text())["evaluation"]["perplexity"]


@pytest.fixture(scope="module")
def output(airflow, folder) -> Path:
    """Compiles the pipeline for Airflow, and waits until Airflow knows it; returns the pipeline's output folder."""
    output = folder / f"airflow{airflow.version}"
    pipeline = airflow.home / "dags" / "small.json"
    tfx_lm(
        "compile", "--runner", "airflow", "--output", pipeline, "--config", folder / "small.yaml",
        "--data", folder / "corpus.txt", "--set", f"output={output}",
        "--set", f"metadata={airflow.postgresql.url(f'mlmd{airflow.version}', password=False)}",
    )  # fmt: skip
    (airflow.home / "dags" / "small.py").write_text(DAG.format(pipeline=str(pipeline), command=str(TFX_LM)))
    deadline = time.monotonic() + 300
    while not airflow.postgresql.query(airflow.database, "select dag_id from serialized_dag"):
        assert time.monotonic() < deadline, [log.read_text()[-2000:] for _, log in airflow.services]
        time.sleep(0.5)
    return output


def process_of(node: str, run_id: str) -> int | None:
    """The process that runs a node of a run."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "run-node" in arguments and node in arguments and run_id in arguments:
            return int(folder.name)
    return None


def states_in_metadata(store: ml_metadata.MetadataStore, node: str) -> list[str]:
    context = store.get_context_by_type_and_name("node", f"small.{node}")
    executions = store.get_executions_by_context(context.id) if context else []
    return [
        metadata_store_pb2.Execution.State.Name(execution.last_known_state)
        for execution in sorted(executions, key=lambda execution: execution.id)
    ]


def test_the_dag_has_the_shape_of_the_pipeline(airflow_programs, tmp_path):
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
        "tries": [[""], ["--again"]],
        "tfx": False,
    }


def test_failures_are_mended_and_the_model_is_that_of_a_local_run(airflow, folder, output, local_perplexity, capsys):
    store = ml_metadata.MetadataStore(connection_config(airflow.postgresql.url(f"mlmd{airflow.version}")))
    # A line that cannot be read: the first node fails, and with it the run.
    corpus = folder / "corpus.txt"
    text = corpus.read_bytes()
    corpus.write_bytes(text + b"broken \xff line\n")
    airflow.trigger("small", "first")
    assert airflow.wait_for("small", "first") == "failed"
    states = airflow.task_states("small", "first")
    assert (states["TextExampleGen"], states["Trainer"]) == ("failed", "upstream_failed")
    assert "tfx-lm: TextExampleGen failed: " in airflow.log("small", "first", "TextExampleGen")
    assert states_in_metadata(store, "TextExampleGen") == ["FAILED"]

    # The line is gone; the same run, its failed tasks cleared, goes on, until the Trainer is killed while it works.
    corpus.write_bytes(text)
    airflow.command("tasks", "clear", "small", "--only-failed", "--downstream", "--yes")
    deadline = time.monotonic() + 1200
    while "RUNNING" not in states_in_metadata(store, "Trainer"):
        assert time.monotonic() < deadline, airflow.task_states("small", "first")
        time.sleep(0.2)
    process = process_of("Trainer", "first")
    assert process is not None
    os.kill(process, signal.SIGKILL)
    assert airflow.wait_for("small", "first") == "failed"
    states = airflow.task_states("small", "first")
    assert (states["Transform"], states["Trainer"], states["Pusher"]) == ("success", "failed", "upstream_failed")
    assert states_in_metadata(store, "TextExampleGen") == ["COMPLETE"]
    assert states_in_metadata(store, "Trainer") == ["RUNNING"]

    # The next run takes what was done from the cache, and trains; what it makes goes where its parameter says.
    airflow.trigger("small", "second", **{"pipeline-root": str(output / "elsewhere")})
    assert airflow.wait_for("small", "second") == "success"
    assert "Transform: CACHED after" in airflow.log("small", "second", "Transform")
    assert "Trainer: COMPLETE after" in airflow.log("small", "second", "Trainer")
    (version,) = (output / "serving").glob("[0-9]*")  # Beside it lies the lock of the Pusher.
    assert (version / "saved_model.pb").exists()

    # The same configuration, the same perplexity.
    records = RunRecords(store, "small", "second")
    evaluation = records.output("Evaluator", "evaluation")
    assert evaluation is not None
    assert evaluation.uri.startswith(str(output / "elsewhere"))
    scores = results.summarize_evaluation(evaluation.uri)
    assert scores["evaluation"]["perplexity"] == pytest.approx(local_perplexity, rel=1e-6)

    timing = airflow.timing("small", "second")
    with capsys.disabled():
        print(f"\nAirflow {airflow.command('version').strip()}, seconds{'waiting and starting':>34}{'own work':>10}")
        for node, (seconds, own) in timing.items():
            print(f"    {node:<30}{seconds - own:>26.1f}{own:>10.1f}")
