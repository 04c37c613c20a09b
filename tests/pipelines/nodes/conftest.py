import pytest
from tfx_lm.cli import run_node as run_node_command
from tfx_lm.pipelines.nodes.supervisor import Ended


@pytest.fixture
def in_this_process(monkeypatch):
    """Runs nodes in this process, since each new one would import TFX; tests with signals start processes."""
    monkeypatch.setattr(run_node_command, "supervise", lambda work, signals: Ended(_code(work), None))


def _code(work) -> int:
    try:
        return work()
    except SystemExit as end:
        return end.code
