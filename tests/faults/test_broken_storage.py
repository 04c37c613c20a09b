"""Full and read-only disks at each node, and damaged and deleted files; `make test-faults` runs it, as root.

Each node of one pipeline is tried on each broken disk, and then done; after that its files are damaged, one by one.
"""

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import ml_metadata
import pytest
from helpers.complete_versions import complete_versions
from helpers.local_run import CONFIG, made_up_corpus
from helpers.small_disks import small_disks
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.exported.damage import damage
from tfx_lm.pipelines.metadata.metadata_store import connection_config

TFX_LM = Path(sys.executable).parent / "tfx-lm"

pytestmark = [pytest.mark.slow, pytest.mark.faults]

NODES = (
    "TextExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform", "Trainer", "Baseline",
    "Evaluator", "Report", "ServingCheck", "Pusher",
)  # fmt: skip
# In this order, since a node survives some of the last.
FAULTS = ("metadata full", "output read-only", "output full", "TMPDIR full")
# A node that writes next to nothing to a disk does not see that it is full.
SURVIVED = {("Baseline", "output full"), *itertools.product(NODES, ["TMPDIR full"])}

CUT, FLIP, DELETE = "cut off", "a wrong bit", "deleted"


@dataclass
class Pipeline:
    """A compiled pipeline, the folders of its disks, and what each node said on each broken disk."""

    folders: dict[str, Path]
    file: Path
    python: Path
    said: dict[tuple[str, str], subprocess.CompletedProcess] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.folders["output"] / "output"

    @property
    def database(self) -> Path:
        return self.folders["metadata"] / "metadata.sqlite"

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        command = [self.python, TFX_LM, *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=600, check=False, env={**os.environ, **environment}
        )

    def run_node(self, node: str, *options: str) -> subprocess.CompletedProcess:
        command = ("run-node", "--pipeline", self.file, "--node", node, "--run-id", "first", *options)
        return self.run(*command, TMPDIR=str(self.folders["TMPDIR"]))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory, forked_python):
    folder = tmp_path_factory.mktemp("storage")
    (folder / "corpus.txt").write_text(made_up_corpus(300), encoding="utf-8", newline="")
    with small_disks(folder) as disks:
        folders = {name: disk.folder for name, disk in disks.items()}
        pipeline = Pipeline(folders, folder / "pipeline.json", forked_python)
        (folder / "small.yaml").write_text(
            f"{CONFIG}output: {pipeline.output}\nmetadata: sqlite:///{pipeline.database}\n"
        )
        compiled = pipeline.run(
            "compile", "--runner", "airflow", "--output", pipeline.file, "--config", folder / "small.yaml",
            "--data", folder / "corpus.txt", "--set", "trainer.epochs=1", "--set", "gate.max_perplexity=1000",
            "--set", "gate.max_unknown=1",
        )  # fmt: skip
        assert compiled.returncode == 0, compiled.stderr
        # The lock's file and the tables need room.
        pipeline.output.mkdir()
        assert pipeline.run("init-metadata", "--pipeline", pipeline.file).returncode == 0
        for node in NODES:
            for fault in FAULTS:
                disk, kind = disks[fault.split()[0]], fault.split()[1]
                disk.fill() if kind == "full" else disk.read_only()
                done = pipeline.said[node, fault] = pipeline.run_node(node)
                disk.empty() if kind == "full" else disk.read_only(False)
                if done.returncode == 0:
                    break
            if done.returncode != 0:
                done = pipeline.run_node(node)
            assert done.returncode == 0, (node, done.stdout + done.stderr)
        yield pipeline


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_node_on_a_broken_disk_says_why_and_goes_on_later(pipeline, faults, node, fault):
    done = pipeline.said.get((node, fault))
    if done is None:
        assert (node, fault) in SURVIVED  # It had survived the fault before.
        return
    with faults.survived():
        if done.returncode == 0:
            assert (node, fault) in SURVIVED
            return
        assert done.returncode in (1, 2), done.stderr
        (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("tfx-lm: "))
        setting = fault.split()[0]
        assert f"{setting}={pipeline.folders[setting]}" in sentence
        cause = "its disk is full" if fault.endswith("full") else "its file system is read-only"
        assert f"cannot be written in {setting}=" in sentence or f": cannot be written: {cause}" in sentence
        assert cause in sentence
        assert "then run again: it goes on from here" in sentence


def test_after_all_faults_everything_is_there_and_nothing_is_left(pipeline, faults):
    (version,) = complete_versions(str(pipeline.output / "serving"))
    faults.lost([problem for problem in [damage(version)] if problem])
    store = ml_metadata.MetadataStore(connection_config(f"sqlite:///{pipeline.database}"))
    states = metadata_store_pb2.Execution
    assert {each.last_known_state for each in store.get_executions()} <= {states.COMPLETE, states.FAILED}
    assert list((pipeline.output / "artifacts" / ".running").iterdir()) == []
    assert [path.name for path in (pipeline.output / "serving").iterdir()] in (
        [".lock", Path(version).name],
        [Path(version).name, ".lock"],
    )
    assert list(pipeline.folders["TMPDIR"].iterdir()) == []


def harm(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    if how == DELETE:
        file.unlink()
    elif how == CUT:
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content)


@pytest.mark.parametrize(
    ("made_by", "pattern", "read_by"),
    [
        ("TextExampleGen", "examples/*/Split-train/*.gz", "Transform"),
        ("TextExampleGen", "examples/*/counts.json", "Report"),
        ("Transform", "transformed_examples/*/Split-eval/*.gz", "Trainer"),
        ("Transform", "transform_graph/*/transform_fn/assets/vocabulary", "Trainer"),
        ("Trainer", "model/*/Format-Serving/saved_model.pb", "Evaluator"),
        ("Trainer", "model/*/Format-Serving/variables/variables.data-*", "ServingCheck"),
        ("Trainer", "model_run/*/training.json", "Report"),
        ("Evaluator", "blessing/*/verdict.json", "Pusher"),
    ],
)
@pytest.mark.parametrize("how", [CUT, FLIP, DELETE])
def test_a_damaged_file_is_found_before_it_is_used(pipeline, faults, made_by, pattern, read_by, how):
    (file,) = (pipeline.output / "artifacts" / made_by).glob(pattern)
    content = file.read_bytes()
    served = {path: path.read_bytes() for path in (pipeline.output / "serving").rglob("*") if path.is_file()}
    with faults.survived():
        harm(file, how)
        done = pipeline.run_node(read_by, "--again")
        file.write_bytes(content)
        assert done.returncode == 2, done.stdout + done.stderr
        faults.printed(done.stdout + done.stderr)
        problem = "is missing" if how == DELETE else "has changed since it was written"
        assert f"has no output of {made_by}, or it was damaged ({file.parents[0]}"[:60] in done.stderr
        assert f"{file.name} {problem}); run {made_by}" in done.stderr
        faults.lost([path for path, before in served.items() if path.read_bytes() != before])


def cut_database(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_database(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-4096] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize("how", [cut_database, flip_database, lambda file: file.write_bytes(b"no database" * 100)])
def test_damaged_records_are_refused(pipeline, faults, tmp_path, how: Callable[[Path], None]):
    kept = shutil.copy(pipeline.database, tmp_path)
    with faults.survived():
        how(pipeline.database)
        done = pipeline.run_node("SchemaGen", "--again")
        shutil.copy(kept, pipeline.database)
        assert done.returncode == 2, done.stderr
        faults.printed(done.stdout + done.stderr)
        assert f"metadata=sqlite:///{pipeline.database}: the file is damaged (" in done.stderr
        assert "bring back a copy of it, or move it away" in done.stderr
    assert sqlite3.connect(pipeline.database).execute("PRAGMA integrity_check").fetchone() == ("ok",)
