"""The command that a cluster starts. What it does there is tested on a cluster (tests/clusters)."""

import pytest
from tfx_lm.pipelines.beam import worker


@pytest.mark.parametrize("arguments", [[], ["--id=1-1"], ["--provision_endpoint=localhost:1"]])
def test_a_person_is_told_who_calls_it(monkeypatch, capsys, arguments):
    monkeypatch.setattr("sys.argv", ["tfx-lm-beam-worker", *arguments])
    with pytest.raises(SystemExit) as ended:
        worker.main()
    assert ended.value.code == 2
    assert (
        "a TaskManager of Flink or an executor of Spark calls this command; give --worker_pool PORT"
        in capsys.readouterr().err
    )
