"""What `create_pipeline` makes on disk."""

import pytest
from tfx_lm.components.trainer.precision import Precision
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.local import local_plan
from tfx_lm.pipelines.pipeline import create_pipeline


def made(*overrides: str) -> str | None:
    """The SQLite file that a pipeline names for ML Metadata, if it does."""
    config = load_config(None, ["gate.max_perplexity=9", "data.files=corpus.txt", *overrides])
    connection = create_pipeline(config).metadata_connection_config
    return connection and (connection.sqlite.filename_uri or None)


def test_the_folder_of_metadata_is_made(tmp_path):
    output = tmp_path / "fresh" / "output"
    assert made(f"output={output}") == f"{output}/metadata.sqlite"
    assert [path.name for path in tmp_path.rglob("*")] == ["fresh", "output"]
    store = tmp_path / "elsewhere" / "store.sqlite"
    assert made(f"output={output}", f"metadata=sqlite:///{store}") == str(store)
    assert store.parent.is_dir()


@pytest.mark.parametrize("overrides", [["output=gs://bucket/output"], ["metadata=postgresql://me@host/mlmd"]])
def test_nothing_is_made_for_other_stores(tmp_path, monkeypatch, overrides):
    monkeypatch.chdir(tmp_path)
    assert made(*overrides) is None
    assert list(tmp_path.iterdir()) == []


def test_a_pipeline_may_be_made_for_another_machine(tmp_path):
    (tmp_path / "file").touch()
    assert made(f"output={tmp_path}/file/output") == f"{tmp_path}/file/output/metadata.sqlite"


@pytest.mark.parametrize(("asked", "keyed"), [("auto", "bfloat16"), ("float32", None)])
def test_what_auto_stands_for_here_is_part_of_the_cache_key(tmp_path, monkeypatch, asked, keyed):
    monkeypatch.setattr(local_plan, "plan_pipeline", lambda pipeline, *_: pipeline)
    monkeypatch.setattr(local_plan, "choose_precision", lambda options: Precision("bfloat16", "a test says so"))
    settings = ["gate.max_perplexity=9", "data.files=corpus.txt", f"output={tmp_path}", f"trainer.precision={asked}"]
    pipeline = local_plan.plan_run(load_config(None, settings), (), ())
    (trainer,) = (node for node in pipeline.components if node.id == "Trainer")
    assert trainer.exec_properties.get("precision") == keyed
