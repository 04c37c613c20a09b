"""Two at once: runs, pushes, rollbacks and workers on one output, beside a server; `make test-faults` runs it."""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ml_metadata
import pytest
from click.testing import CliRunner
from helpers.complete_versions import complete_versions
from helpers.local_run import CONFIG, made_up_corpus
from helpers.pushed_versions import Files, PollingServer
from helpers.server_process import Server
from helpers.waiting import wait_for
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.cli.cli import main
from tfx_lm.components.baseline.served import SERVED_MODEL_KEY
from tfx_lm.exported import versions
from tfx_lm.exported.rollback import rollback
from tfx_lm.pipelines.local.output_lock import LOCK_FILE
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords

pytestmark = [pytest.mark.slow, pytest.mark.faults]

NODES = (
    "TextExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform", "Trainer", "Baseline",
    "Evaluator", "Report", "ServingCheck",
)  # fmt: skip


TFX_LM = Path(sys.executable).parent / "tfx-lm"


def write_files(folder: Path) -> None:
    (folder / "corpus.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    (folder / "small.yaml").write_text(CONFIG)


def settings(folder: Path) -> list[str]:
    return ["--config", str(folder / "small.yaml"), "--data", str(folder / "corpus.txt")]


def start(*arguments: object, command: Sequence[object] = (TFX_LM,)) -> subprocess.Popen:
    command = [*command, *arguments]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process: subprocess.Popen) -> tuple[int, str]:
    printed = process.communicate(timeout=900)[0]
    return process.returncode, printed


def store(output: Path) -> ml_metadata.MetadataStore:
    return ml_metadata.MetadataStore(connection_config(f"sqlite:///{output}/metadata.sqlite"))


@contextlib.contextmanager
def served(serving: Path):
    """A server, a client that asks it without a pause, and a reader of the folder: none of them meets a fault."""
    server, over = Server(serving, "--poll-seconds", "0.1"), threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        while not over.wait(0.02):
            statuses.append(server.predict({"instances": ["The old cat"]})[0])

    client = threading.Thread(target=ask)
    try:
        with PollingServer(serving) as reader:
            client.start()
            try:
                yield
                newest = Path(complete_versions(str(serving))[0]).name
                wait_for(lambda: server.version() == newest)
            finally:
                over.set()
                client.join()
    finally:
        code, errors = server.stop()
    assert code < 0, errors
    assert set(statuses) == {200}
    assert {version: len(seen) for version, seen in reader.seen.items() if len(seen) != 1} == {}


@dataclass
class Runs:
    """Two runs that were started at once into one folder, and a third that did not wait.

    Attributes:
        output: The output folder.
        first: The process id of the run that came first.
        ended: The exit code and the output of the first, the one that waited for it, and the one that did not.
        seen: What a server saw meanwhile.
        pushed: See `pushes`.
    """

    output: Path
    first: int
    ended: list[tuple[int, str]]
    seen: dict[str, set[Files]]
    pushed: dict[str, str]


def pushes(output: Path) -> dict[str, str]:
    """The versions that runs have pushed, and which they were compared with."""
    metadata, pushed = store(output), {}
    for context in metadata.get_contexts_by_type("pipeline_run"):
        records = RunRecords(metadata, "small", context.name)
        model, baseline = records.output("Pusher", "pushed_model"), records.output("Baseline", "baseline")
        if model is not None and baseline is not None:
            compared = baseline.custom_properties[SERVED_MODEL_KEY].string_value
            pushed[model.custom_properties["pushed_destination"].string_value] = compared
    return pushed


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Runs:
    folder = tmp_path_factory.mktemp("two")
    write_files(folder)
    output = folder / "output"
    run = ["run", *settings(folder), "--output", output]
    with PollingServer(output / "serving") as server:
        first = start(*run)
        wait_for(lambda: (output / LOCK_FILE).exists() and "pid" in (output / LOCK_FILE).read_text())
        waiting = start(*run, "--wait", "--set", "trainer.learning_rate=0.03")
        refused = start(*run, "--set", "trainer.learning_rate=0.04")
        ended = [end(process) for process in (first, waiting, refused)]
    return Runs(output, first.pid, ended, server.seen, pushes(output))


def test_a_second_run_is_refused_or_waits_and_then_compares_with_the_first_ones_model(runs, faults):
    with faults.survived():
        assert [code for code, _ in runs.ended] == [0, 0, 2], runs.ended
        for (_, printed), expected in zip(
            runs.ended, ("Log: ", "Waiting: {}", "tfx-lm: output={output}: {}"), strict=True
        ):
            holder = f"another run (process {runs.first} on "
            assert printed.startswith(expected.format(holder, output=runs.output))
            faults.printed(printed)
        first, second = sorted(runs.seen)
        assert runs.pushed == {first: "", second: first}
        assert [len(files) for files in runs.seen.values()] == [1, 1]


@pytest.fixture
def output(runs) -> Path:
    """The folder with a third version, older than theirs."""
    serving = runs.output / "serving"
    if not (serving / "1").exists():
        shutil.copytree(complete_versions(str(serving))[-1], serving / "1")
    return runs.output


def withdraw(output: Path) -> str:
    """Withdraws the newest run's version, if it is there; returns the one that it was compared with, served again."""
    pushed = json.loads((output / "summary.json").read_text())["pushed_model"]
    if Path(pushed).is_dir():
        rollback(output / "serving")
    return complete_versions(str(output / "serving"))[0]


def test_of_two_pushes_at_once_one_pushes(output, faults):
    compared = withdraw(output)
    with faults.survived(), served(output / "serving"):
        ended = sorted(end(process) for process in [start("push", output), start("push", output)])
        assert [code for code, _ in ended] == [0, 2], ended
        version = complete_versions(str(output / "serving"))[0]
        assert ended[0][1] == f"Pushed to {version}\n"
        assert "works in it; wait for its end" in ended[1][1] or "is there; nothing was done" in ended[1][1]
        assert complete_versions(str(output / "serving"))[:2] == [version, compared]
        assert json.loads((output / "summary.json").read_text())["pushed_model"] == version


@pytest.mark.parametrize("number", range(2))
def test_a_push_beside_a_rollback(output, faults, number):
    serving = output / "serving"
    compared = withdraw(output)
    older = complete_versions(str(serving))[1]
    with faults.survived(), served(serving):
        push = start("push", output)
        wait_for_unfinished(serving, push)
        newest, (withdrawn,) = rollback(serving)
        code, printed = end(push)
        faults.printed(printed)
        if code == 0:  # It came first, so that the rollback withdrew it.
            assert printed == f"Pushed to {serving}/{withdrawn.name.removeprefix(versions.WITHDRAWN)}\n"
            assert complete_versions(str(serving))[0] == str(newest) == compared
        else:  # What it would have been compared with is served no longer.
            assert code == 2
            assert f"{older} is served now, but the model was compared with {compared}; nothing was pushed" in printed
            assert complete_versions(str(serving))[0] == str(newest) == older
            withdrawn.rename(compared)
    assert list(serving.glob(".pushing-*")) == []


def wait_for_unfinished(serving: Path, process: subprocess.Popen) -> None:
    while next(serving.glob(".pushing-*"), None) is None:
        assert process.poll() is None, end(process)
        time.sleep(0.001)


def test_two_workers_on_one_store(forked_python, tmp_path, faults):
    """As on Airflow: two runs at once, whose tasks are processes; one of them starts each training twice."""
    write_files(tmp_path)
    output, compiled = tmp_path / "output", tmp_path / "small.json"
    for command in (
        ["compile", "--runner", "airflow", *settings(tmp_path), "--output", compiled, "--set", f"output={output}"],
        ["init-metadata", "--pipeline", compiled],
    ):
        done = CliRunner().invoke(main, list(map(str, command)))
        assert done.exit_code == 0, done.output
    rates = {"one": 0.02, "two": 0.03}

    def task(run_id: str, node: str, *options: str) -> subprocess.Popen:
        parameters = json.dumps({"trainer_learning_rate": rates[run_id]})
        names = ("--node", node, "--run-id", run_id, "--parameters", parameters)
        return start("run-node", "--pipeline", compiled, *names, *options, command=(forked_python, TFX_LM))

    ended: dict[str, list[tuple[int, str]]] = {"one": [], "two": []}

    def work(run_id: str) -> None:
        for node in NODES:
            processes = [task(run_id, node) for _ in range(2 if (run_id, node) == ("one", "Trainer") else 1)]
            ended[run_id] += sorted(end(process) for process in processes)

    with faults.survived(), PollingServer(output / "serving") as reader:
        workers = [threading.Thread(target=work, args=(run_id,)) for run_id in rates]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        second_training = ended["one"].pop(1 + NODES.index("Trainer"))
        codes = [code for each in ended.values() for code, _ in each]
        assert codes == [0] * 2 * len(NODES), ended
        assert second_training[0] in (0, 2), second_training
        assert second_training[0] == 0 or "does it for run one now; wait for its end" in second_training[1]

        # Both were compared with nothing, so that only one of them is pushed.
        pushers = {run_id: task(run_id, "Pusher") for run_id in rates}
        results = {run_id: end(process) for run_id, process in pushers.items()}
        assert sorted(code for code, _ in results.values()) == [0, 1], results
        (loser,) = [run_id for run_id, (code, _) in results.items() if code == 1]
        (version,) = complete_versions(str(output / "serving"))
        assert f"{version} is served now, but the model was compared with none; nothing was pushed" in results[loser][1]
        # The output of a task is its log, which has the traceback of the one that failed.
        for code, printed in [*ended["one"], *ended["two"], second_training, *results.values()]:
            if code != 1:
                faults.printed(printed)

        # It is compared with that one.
        for node, options in (("Baseline", ["--again"]), ("Evaluator", []), ("Pusher", [])):
            code, printed = end(task(loser, node, *options))
            assert (code, f"{node}: COMPLETE" in printed) == (0, True), printed
    # The gate has decided whether it is as good.
    baseline = RunRecords(store(output), "small", loser).output("Baseline", "baseline")
    assert baseline.custom_properties[SERVED_MODEL_KEY].string_value == version
    assert complete_versions(str(output / "serving"))[-1] == version
    assert {len(seen) for seen in reader.seen.values()} == {1}

    metadata = store(output)
    states = metadata_store_pb2.Execution
    executions = metadata.get_executions()
    faults.lost([each for each in executions if each.last_known_state == states.RUNNING])
    failed = [each for each in executions if each.last_known_state == states.FAILED]
    (kind,) = metadata.get_execution_types_by_id([each.type_id for each in failed])
    assert kind.name == "tfx_lm.components.pusher.component.AtomicPusher"
    trained = [RunRecords(metadata, "small", run_id).output("Trainer", "model") for run_id in rates]
    assert len({model.uri for model in trained}) == len(list((output / "artifacts" / "Trainer" / "model").iterdir()))
    assert list((output / "artifacts" / ".running").iterdir()) == []
    assert list((output / "training_backup").iterdir()) == []
