"""Extras that are not installed are named, and those that are promised can be."""

import subprocess
import sys
from pathlib import Path

import pytest
import tfx_lm
from helpers.programs import program

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOCK = Path(tfx_lm.__file__).parent / "uv.lock"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("kfp", ["compile", "--runner", "kubeflow", "--output", "x.yaml", "--data", "gs://bucket/x.txt",
                 "--set", "gate.max_perplexity=100", "--set", "kubeflow.image=an/image:1",
                 "--set", "kubeflow.pipeline_root=gs://bucket/root"], "tfx-lm[kubeflow]"),
        # uvicorn does without httptools and uvloop, only slower.
        *[(module, ["serve", "nowhere"], "pip install 'tfx-lm[serve]'")
          for module in ("anyio", "orjson", "prometheus_client", "starlette", "uvicorn")],
    ],
)  # fmt: skip
def test_a_missing_extra_is_named(module, arguments, extra, tmp_path):
    command = program("tfx_lm_without", module, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert module in line
    assert extra in line


def test_without_airflow_its_module_says_where_it_belongs():
    done = subprocess.run(
        [sys.executable, "-c", "from tfx_lm.pipelines.airflow import create_dag"], capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 1
    assert "Airflow is not installed" in done.stderr.splitlines()[-1]
    assert "tfx-lm[airflow]" in done.stderr.splitlines()[-1]


def test_every_extra_is_locked_on_both_stacks():
    """The lock holds for all Pythons at once, so what is in it can be installed."""
    (ours,) = (each for each in tomllib.loads(LOCK.read_text())["package"] if each["name"] == "tfx-lm")
    extras = ours["optional-dependencies"]
    assert {"airflow", "kubeflow", "serve"} <= set(extras)
    assert {each["version"].split(".")[0] for each in extras["airflow"]} == {"2"}
    assert {each["name"] for each in extras["kubeflow"]} == {"kfp", "pip"}
