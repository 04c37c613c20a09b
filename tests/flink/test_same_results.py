"""The Beam stages on a Flink cluster give what they give in the nodes' own processes. `make test-flink` runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
import tfx_lm
from helpers.local_run import CONFIG, made_up_corpus, run_pipeline

ROOT = Path(tfx_lm.__file__).parent
pytestmark = [pytest.mark.flink, pytest.mark.slow]


def run_on_flink(folder: Path) -> dict:
    """Runs `small.yaml` of a folder with its Beam stages on a cluster that lives as long; returns the summary."""
    cluster = [sys.executable, ROOT / "deploy" / "flink" / "cluster.py", "--folder", ROOT / ".cache" / "flink", "--"]
    run = [Path(sys.executable).with_name("tfx-lm"), "run", "--config", folder / "small.yaml"]
    files = ["--data", folder / "corpus.txt", "--output", folder / "output"]
    beam = ["--set", "beam={runner: flink, job_server: 'JOB_SERVER', args: [--parallelism=2]}"]
    command = [str(part) for part in (*cluster, *run, *files, *beam)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "output" / "summary.json").read_text())


def records(output: Path, node: str, key: str) -> list[bytes]:
    """All records of a node's Examples, sorted; the order is the runner's."""
    files = sorted(str(path) for path in (output / "artifacts" / node / key).rglob("*.gz"))
    assert files
    return sorted(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def vocabulary(output: Path) -> bytes:
    (file,) = (output / "artifacts" / "Transform" / "transform_graph").rglob("assets/*")
    return file.read_bytes()


def test_flink_gives_the_same_vocabulary_examples_and_perplexity(tmp_path):
    for name in ("here", "flink"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "corpus.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
        (tmp_path / name / "small.yaml").write_text(CONFIG)
    here = run_pipeline(tmp_path / "here").summary
    flink = run_on_flink(tmp_path / "flink")
    outputs = tmp_path / "here" / "output", tmp_path / "flink" / "output"
    for node, key in (("TextExampleGen", "examples"), ("Transform", "transformed_examples")):
        expected, found = (records(output, node, key) for output in outputs)
        assert found == expected
    assert vocabulary(outputs[1]) == vocabulary(outputs[0])
    # The order of the examples, and so of training, is the runner's.
    assert flink["evaluation"]["tokens"] == here["evaluation"]["tokens"]
