"""A run of the command that checks everything and runs nothing."""

import pytest
from tfx_lm.pipelines.config import PipelineConfig


@pytest.fixture
def nothing_runs(tmp_path, monkeypatch):
    """The configurations of the runs, which end before the first node; the test starts in an empty folder."""
    started: list[PipelineConfig] = []

    def run_locally(config, from_nodes, to_nodes, wait):
        started.append(config)
        return {"nodes": [], "pushed_model": None}

    monkeypatch.setattr("tfx_lm.pipelines.local.run.run_locally", run_locally)
    monkeypatch.chdir(tmp_path)
    return started
