"""What reads an exported model runs where TFX, Beam, TFMA, TensorFlow Transform and Keras cannot be imported."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TFX_LM = str(Path(sys.executable).parent / "tfx-lm")
TEXT = "the cat\ncat\n"


@pytest.fixture(scope="module")
def environment():
    """The environment of a process in which the packages are blocked."""
    folders = [str(Path(__file__).with_name("blocked_imports")), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}


@pytest.fixture
def run(environment):
    """A function that runs `tfx-lm` on a text and returns the lines of its standard output."""

    def tfx_lm(*arguments):
        done = subprocess.run(
            [TFX_LM, *map(str, arguments)], input=TEXT, capture_output=True, text=True, timeout=240, env=environment
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return tfx_lm


@pytest.mark.parametrize(
    "package", ["tfx", "apache_beam", "tensorflow_model_analysis", "tensorflow_transform", "keras"]
)
def test_the_packages_are_blocked(environment, package):
    done = subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True, text=True, env=environment)
    assert f"ModuleNotFoundError: {package} is blocked" in done.stderr


def test_score(run, bigram_model):
    *lines, corpus = map(json.loads, run("score", bigram_model))
    assert [line["log_probability"] for line in lines] == pytest.approx([-2.0794415, -2.0794415])
    assert (corpus["lines"], corpus["tokens"]) == (2, 5)


def test_compare(run, bigram_model, uniform_model):
    (line,) = run("compare", "--json", bigram_model, uniform_model)
    found = json.loads(line)
    assert found["candidate"]["perplexity"] == pytest.approx(2 ** (6 / 5))
    assert found["baseline"]["perplexity"] == pytest.approx(16)
    assert any("MODEL_A" in line for line in run("compare", bigram_model, uniform_model))


def test_complete(run, bigram_model):
    assert run("complete", "--greedy", "--length", "2", bigram_model, "the")[:2] == ["  0.5000  cat", "  0.1250  the"]


def test_rollback(run, uniform_model, tmp_path):
    for version in ("10", "11"):
        shutil.copytree(uniform_model, tmp_path / version)
    assert run("rollback", tmp_path)[-1] == f"The newest version is now {tmp_path}/10"


def test_serve(environment, bigram_model, tmp_path):
    shutil.copytree(bigram_model, tmp_path / "7")
    command = [TFX_LM, "serve", str(tmp_path), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, env=environment) as server:
        line = server.stdout.readline()
        match = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert match, server.communicate()
        connection = http.client.HTTPConnection("127.0.0.1", int(match.group(1)), timeout=60)
        connection.request("POST", "/v1/models/model:predict", json.dumps({"instances": ["the cat"]}))
        (prediction,) = json.loads(connection.getresponse().read())["predictions"]
        connection.close()
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=60)
    assert prediction["tokens"] == 3
    assert (server.returncode, errors) == (-signal.SIGTERM, "")
