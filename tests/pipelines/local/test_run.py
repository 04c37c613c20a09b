"""The end of `tfx-lm run`: the summary and the pruning."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from tfx_lm.cli.cli import main
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.local import run as run_module
from tfx_lm.pipelines.nodes.node_result import NodeResult
from tfx_lm.pipelines.results.pruned import Pruned


@pytest.fixture
def summaries(monkeypatch) -> list[dict]:
    """The summaries that a run without nodes writes and prints."""
    written: list[dict] = []
    monkeypatch.setattr(run_module, "run_pipeline", lambda *_, **__: [])
    monkeypatch.setattr(run_module, "write_summary", lambda summary, _: written.append(summary))
    monkeypatch.setattr(run_module, "print_summary", lambda summary, _: written.append(summary))
    monkeypatch.setattr(run_module, "write_tuned_configuration", lambda *_: None)
    return written


def call(log_file, function, *_):
    if function is run_module._plan:
        return type("Plan", (), {"run_id": "1"})
    if function is run_module._summarize:
        return {"pruned": None, "warnings": []}
    return Pruned(artifacts=3)


def run(output: Path, **nodes) -> dict:
    config = load_config(None, ["gate.max_perplexity=100", f"output={output}", "keep_runs=1"])
    return run_module.run_locally(config, **nodes)


def test_a_whole_run_prunes(summaries, tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "call", call)
    assert run(tmp_path)["pruned"]["artifacts"] == 3


@pytest.mark.parametrize("nodes", [{"from_nodes": ["Trainer"]}, {"to_nodes": ["Trainer"]}])
def test_a_partial_run_does_not(summaries, tmp_path, monkeypatch, nodes):
    monkeypatch.setattr(run_module, "call", call)
    assert run(tmp_path, **nodes)["pruned"] is None


def test_a_pruning_that_is_killed_is_a_warning(summaries, tmp_path, monkeypatch):
    def killed(log_file, function, *arguments):
        if function is run_module._prune:
            raise RuntimeError("_prune: its process was killed; logs may say why")
        return call(log_file, function, *arguments)

    monkeypatch.setattr(run_module, "call", killed)
    summary = run(tmp_path)
    assert summary["warnings"] == [
        "old runs could not be pruned (_prune: its process was killed; logs may say why); the next run tries again"
    ]
    assert summaries[-1] == summary


@pytest.mark.slow
def test_a_run_whose_results_cannot_be_read_is_no_wrong_configuration(tmp_path, monkeypatch, capfd):
    """The database went away while the nodes ran, one of which failed."""

    def in_this_process(log_file, function, *arguments):
        return call(log_file, function) if function is run_module._plan else function(*arguments)

    failed = NodeResult("Trainer", "FAILED", 1.0, "loss=nan")
    monkeypatch.setattr(run_module, "call", in_this_process)
    monkeypatch.setattr(run_module, "run_pipeline", lambda *_, **__: [failed])
    monkeypatch.setattr("tfx_lm.pipelines.preflight.check_run", lambda config: None)
    options = ["gate.max_perplexity=100", "data.files=a.txt", "metadata=postgresql://nobody@127.0.0.1:1/nothing"]
    done = CliRunner().invoke(
        main, ["run", "--output", str(tmp_path), *(part for option in options for part in ("--set", option))]
    )
    assert done.exit_code == 1
    text = " ".join(done.output.split())
    # What the nodes print goes around the runner of the command.
    assert "Trainer failed: loss=nan" in capfd.readouterr().out
    assert "tfx-lm: the run has ended, and its results cannot be read from ML Metadata (" in text
    assert f"the newest version in {tmp_path}/serving; {tmp_path}/summary.json is of an earlier run, if it is" in text
    assert not (tmp_path / "summary.json").exists()
