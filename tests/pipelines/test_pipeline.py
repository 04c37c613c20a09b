"""What `create_pipeline` makes on disk, and which nodes it joins."""

import json

import pytest
import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen import executor as stock_executor
from tfx_lm.components.trainer.precision import Precision
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local import local_plan
from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline, graph
from tfx_lm.pipelines.pipeline import create_pipeline

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize(
    ("settings", "takes"),
    [
        (["trainer.warm_start=baseline"], {"Trainer"}),
        (["vocabulary.from=baseline", "vocabulary.grow=5"], {"Transform"}),
        (["trainer.warm_start=baseline", "vocabulary.from=baseline"], {"Trainer", "Transform"}),
        (["trainer.warm_start=/models/7"], {"Trainer"}),
        ([], set()),
    ],
)
def test_who_takes_the_starting_model(tmp_path, settings, takes):
    config = load_config(None, ["data.files=a.txt", "gate.max_perplexity=9", f"output={tmp_path}", *settings])
    nodes = {node.id: node for node in create_pipeline(config).components}
    assert {name for name, node in nodes.items() if "base_model" in node.inputs} == takes
    assert ("StartingModel" in nodes) == bool(takes)
    compiled = graph(compile_pipeline(create_pipeline(config)))
    assert {name for name, upstream in compiled.items() if "StartingModel" in upstream} == takes
    if takes:
        properties = nodes["StartingModel"].exec_properties
        named = {name: properties[name] for name in ("push_destination", "model_path") if properties.get(name)}
        by_path = "trainer.warm_start=/models/7" in settings
        assert named == ({"model_path": "/models/7"} if by_path else {"push_destination": f"{tmp_path}/serving"})


def test_the_statistics_do_not_hold_each_line(tmp_path, monkeypatch):
    config = load_config(None, ["data.files=a.txt", "gate.max_perplexity=9", f"output={tmp_path}"])
    (node,) = (node for node in create_pipeline(config).components if node.id == "StatisticsGen")
    given = []
    monkeypatch.setattr(stock_executor.Executor, "Do", lambda self, *arguments: given.append(arguments[-1]))
    properties = {"stats_options_json": None, "exclude_splits": "[]"}
    node.executor_spec.executor_class().Do({}, {}, properties)
    options = tfdv.StatsOptions.from_json(given[0].pop("stats_options_json"))
    assert options.use_sketch_based_topk_uniques
    assert (given, properties["stats_options_json"]) == ([{"exclude_splits": "[]"}], None)


@pytest.mark.parametrize("trials", [0, 2])
def test_the_trainer_takes_what_a_tuner_found(tmp_path, trials):
    settings = ["data.files=a.txt", "gate.max_perplexity=9", f"output={tmp_path}", f"tuner.trials={trials}"]
    compiled = graph(compile_pipeline(create_pipeline(load_config(None, settings))))
    assert ("Tuner" in compiled) == ("Tuner" in compiled["Trainer"]) == bool(trials)


def test_one_model_gives_weights_and_words():
    with pytest.raises(
        ConfigurationError, match=r"^vocabulary.from=baseline: trainer.warm_start=/models/7 names anoth"
    ):
        load_config(None, ["gate.max_perplexity=9", "vocabulary.from=baseline", "trainer.warm_start=/models/7"])


@pytest.mark.parametrize(
    ("settings", "model", "before", "records"),
    [
        (["drift.max_tokens_change=0.25"], "StartingModel", {"Report"}, True),
        (["drift.max_unknown_rise=1", "drift.on_anomaly=stop"], "StartingModel", {"Report", "Transform"}, True),
        # The digest of the input reaches the new model with the artifact of the earlier one.
        (["drift.max_tokens_change=0.25", "trainer.warm_start=baseline"], "StartingModel", {"Report"}, False),
        (["drift.max_tokens_change=0.25", "vocabulary.from=baseline"], "StartingModel", {"Report"}, False),
        # The model that the weights come from is another one.
        (["drift.max_tokens_change=0.25", "trainer.warm_start=/models/7"], "ServedModel", {"Report"}, False),
        ([], None, set(), False),
    ],
)
def test_what_drift_is_measured_against_and_who_waits_for_it(tmp_path, settings, model, before, records):
    config = load_config(None, ["data.files=a.txt", "gate.max_perplexity=9", f"output={tmp_path}", *settings])
    pipeline = create_pipeline(config)
    compiled = graph(compile_pipeline(pipeline))
    assert {name for name, upstream in compiled.items() if "DriftValidator" in upstream} == before
    if model:
        assert set(compiled["DriftValidator"]) == {"TextExampleGen", model}
        (served,) = (node for node in pipeline.components if node.id == model)
        assert served.exec_properties["push_destination"] == f"{tmp_path}/serving"
    nodes = {node.id: node for node in pipeline.components}
    # Which model is served is no part of the cache key of Transform, and so of all that follows it.
    assert ("base_model" in nodes["Transform"].inputs) == ("vocabulary.from=baseline" in settings)
    assert ("record_input" in json.loads(nodes["Transform"].exec_properties["custom_config"])) == records
    # Each way that the digest of the input takes to the new model starts in one of these.
    if model:
        assert records or any("base_model" in nodes[name].inputs for name in ("Transform", "Trainer"))


@pytest.mark.parametrize(
    "setting", ["drift.max_tokens_change=0", "drift.max_unknown_rise=1.5", "drift.on_anomaly=stop"]
)
def test_bad_thresholds_of_drift_are_refused(setting):
    with pytest.raises(ConfigurationError, match=rf"^{setting}: .*; set (one of )?drift\.max_"):
        load_config(None, ["gate.max_perplexity=9", setting])
