"""The whole pipeline on TFX's own local runner, on a folder that does not exist yet."""

import os
import subprocess
from pathlib import Path

import ml_metadata
import pytest
import yaml
from helpers.made_up_corpus import made_up_lines
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.pipelines.metadata.metadata_store import connection_config

pytestmark = pytest.mark.slow

STOCK_RUNNER = Path(__file__).resolve().parents[1] / "helpers" / "on_path" / "stock_runner.py"


def test_stock_local_runner_on_a_fresh_folder(tmp_path, forked_python):
    (tmp_path / "corpus.txt").write_text("".join(f"{line}\n" for line in made_up_lines(100, 5)))
    output = tmp_path / "fresh" / "output"
    config = {
        "output": str(output),
        "data": {"files": str(tmp_path / "corpus.txt"), "eval_percent": 20},
        "trainer": {"embedding_units": 8, "units": 8, "layers": 1, "epochs": 1},
        "gate": {"max_perplexity": 1e6},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [forked_python, STOCK_RUNNER],
        env={**os.environ, "TFX_LM_CONFIG": str(tmp_path / "small.yaml")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [path.is_dir() for path in (output / "serving").iterdir() if path.name.isdigit()] == [True]
    store = ml_metadata.MetadataStore(connection_config(f"sqlite:///{output}/metadata.sqlite"))
    states = [execution.last_known_state for execution in store.get_executions()]
    assert states == [metadata_store_pb2.Execution.COMPLETE] * 11
