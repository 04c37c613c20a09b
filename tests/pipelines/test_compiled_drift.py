"""The pipelines that are compiled for Airflow and Kubeflow watch for drift as the configuration says."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from google.protobuf import json_format
from tfx.proto.orchestration import pipeline_pb2
from tfx_lm.cli.cli import main

SETTINGS = {
    "data": {"files": "gs://bucket/news/*.txt"},
    "gate": {"max_perplexity": 9},
    "drift": {"max_tokens_change": 0.25, "max_unknown_rise": 0.05, "on_anomaly": "stop"},
    "kubeflow": {"image": "registry.example.com/tfx-lm:1", "pipeline_root": "gs://bucket/news"},
}
EXPECTED = {"max_tokens_change": 0.25, "max_unknown_rise": 0.05, "on_anomaly": "stop"}


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """Compiles for a runner, with or without thresholds; returns the file."""
    monkeypatch.chdir(tmp_path)

    def compile_for(runner: str, watched: bool, file: str) -> Path:
        settings = SETTINGS if watched else {key: value for key, value in SETTINGS.items() if key != "drift"}
        (tmp_path / "my.yaml").write_text(yaml.safe_dump(settings))
        command = ["compile", "--runner", runner, "--config", "my.yaml", "--output", file]
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        return tmp_path / file

    return compile_for


def test_on_airflow(compiled):
    file = compiled("airflow", True, "my.json")
    nodes = {node["id"]: node["upstream"] for node in json.loads(file.with_suffix(".dag.json").read_text())["nodes"]}
    assert sorted(nodes["DriftValidator"]) == ["StartingModel", "TextExampleGen"]
    assert "DriftValidator" in nodes["Transform"]
    ir = json_format.Parse(file.read_text(), pipeline_pb2.Pipeline())
    (node,) = (of.pipeline_node for of in ir.nodes if of.pipeline_node.node_info.id == "DriftValidator")
    given = {name: of.field_value for name, of in node.parameters.parameters.items()}
    found = {name: getattr(given[name], given[name].WhichOneof("value")) for name in EXPECTED}
    assert found == EXPECTED
    assert "max_length_share_change" not in given

    other = compiled("airflow", False, "other.json").with_suffix(".dag.json")
    assert "DriftValidator" not in other.read_text()


def test_on_kubeflow(compiled):
    spec = yaml.safe_load(compiled("kubeflow", True, "my.yaml-kubeflow.yaml").read_text())
    tasks = spec["root"]["dag"]["tasks"]
    drift = tasks["DriftValidator"]
    given = {name: of["runtimeValue"]["constant"] for name, of in drift["inputs"]["parameters"].items()}
    assert {name: given[name] for name in EXPECTED} == EXPECTED
    assert "max_length_share_change" not in given
    sources = {name: of["taskOutputArtifact"]["producerTask"] for name, of in drift["inputs"]["artifacts"].items()}
    assert sources == {"examples": "TextExampleGen", "base_model": "StartingModel"}
    assert "DriftValidator" in tasks["Transform"]["dependentTasks"]
    executor = spec["deploymentSpec"]["executors"][spec["components"]["DriftValidator"]["executorLabel"]]
    assert "tfx_lm.components.drift_validator.executor.Executor" in " ".join(executor["container"]["args"])

    assert "DriftValidator" not in compiled("kubeflow", False, "other-kubeflow.yaml").read_text()
