"""`tfx-lm run-node` of a pipeline that reads spans: the nodes after the first one know which it chose."""

import json

import pytest
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("in_this_process")]


def run_node(pipeline, node, **parameters):
    arguments = ["run-node", "--pipeline", pipeline, "--node", node, "--run-id", "daily"]
    return CliRunner().invoke(main, [*map(str, arguments), "--parameters", json.dumps(parameters)])


def test_all_nodes_have_the_same_spans(tmp_path):
    for day in ("2026-05-01", "2026-05-02"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "a.txt").write_text(f"one line of {day}\nand another one\n" * 20)
    pipeline = tmp_path / "daily.json"
    settings = {
        "name": "daily", "output": tmp_path / "output", "metadata": f"sqlite:///{tmp_path}/metadata.sqlite",
        "data.files": tmp_path / "{YYYY}-{MM}-{DD}" / "*.txt", "gate.max_perplexity": 1000,
    }  # fmt: skip
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    done = CliRunner().invoke(main, ["compile", "--runner", "airflow", "--output", str(pipeline), *sets])
    assert done.exit_code == 0, done.output
    first = run_node(pipeline, "TextExampleGen", data_spans="2026-05-01")
    assert first.exit_code == 0, first.output
    # A node that a task of its own runs, with the parameters of the run.
    second = run_node(pipeline, "StatisticsGen", data_spans="2026-05-01")
    assert second.exit_code == 0, second.output
    other = run_node(pipeline, "SchemaGen", data_spans="2026-05-02")
    assert other.exit_code == exit_codes.BAD_INPUT
    assert "--parameters: data_spans is '2026-05-02' now, and was" in other.output
