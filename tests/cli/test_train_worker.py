"""`tfx-lm train-worker`: which addresses it refuses, and what it reads from a compiled pipeline before it waits."""

import json
from pathlib import Path

import pytest
import tfx_lm
import yaml
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli, train_worker

TWO = ("--worker", "host0:2222", "--worker", "host1:2222")


def refused(*arguments: str) -> str:
    given = ("train-worker", "--pipeline", "no.json", "--run-id", "r", *arguments)
    result = CliRunner().invoke(cli.main, given)
    assert result.exit_code == exit_codes.BAD_INPUT, result.output
    return result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--worker: is missing; give the address of each worker and --index, or set TF_CONFIG"),
        (("--index", "0"), "--worker: names 0 workers, must be several"),
        ((*TWO[:2], "--index", "0"), "--worker: names 1 workers, must be several"),
        (TWO, "--index is missing: must be from 0 to 1, since --worker names 2"),
        ((*TWO, "--index", "2"), "--index 2: must be from 0 to 1, since --worker names 2"),
        ((*TWO, "--worker", "host2", "--index", "0"), "--worker host2: must be HOST:PORT, such as host1:2222"),
        ((*TWO, "--worker", "host2:70000", "--index", "0"), "--worker host2:70000: must be HOST:PORT"),
        ((*TWO, "--worker", "http://h:1", "--index", "0"), "--worker http://h:1: must be HOST:PORT"),
        ((*TWO, "--worker", "host1:2222", "--index", "0"), "--worker host1:2222: stands 2 times; each worker needs"),
    ],
)
def test_addresses_that_cannot_be_used(arguments, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert refused(*arguments).startswith(f"tfx-lm: {message}")


def test_tf_config_tells_addresses_and_index(monkeypatch):
    cluster = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 1}}))
    found = train_worker._cluster((), None)
    assert (found.workers, found.index) == (("c:1", "a:1", "b:1"), 2)
    monkeypatch.setenv(
        "TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1", "b"]}, "task": {"type": "worker", "index": 1}})
    )
    assert "TF_CONFIG b: must be HOST:PORT" in refused()


def test_the_training_operators_manifest_gives_arguments_that_there_are():
    manifest = yaml.safe_load((Path(tfx_lm.__file__).parent / "deploy" / "training-operator.yaml").read_text())
    replicas = manifest["spec"]["tfReplicaSpecs"]
    assert manifest["kind"] == "TFJob"
    assert replicas.keys() == {"Worker"}
    (container,) = replicas["Worker"]["template"]["spec"]["containers"]
    # The operator sets TF_CONFIG in the container of this name alone.
    assert container["name"] == "tensorflow"
    name, *arguments = container["args"]
    assert name == "train-worker"
    parsed = train_worker.command.make_context(name, arguments)
    assert parsed.params["workers"] == ()
    assert parsed.params["run_id"]
