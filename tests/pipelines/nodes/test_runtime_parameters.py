import pytest
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline, runtime_parameters, set_parameters
from tfx_lm.pipelines.nodes.runtime_parameters import add_runtime_parameters
from tfx_lm.pipelines.pipeline import create_pipeline


@pytest.fixture
def config(tmp_path):
    return load_config(None, ["data.files=/data/corpus/*.txt", "gate.max_perplexity=100", f"output={tmp_path}"])


@pytest.fixture
def compiled(config):
    pipeline = create_pipeline(config)
    defaults = add_runtime_parameters(pipeline, config)
    return compile_pipeline(pipeline, defaults), defaults


def property_in(ir, node_id: str, name: str):
    (node,) = [node.pipeline_node for node in ir.nodes if node.pipeline_node.node_info.id == node_id]
    value = node.parameters.parameters[name].field_value
    return getattr(value, value.WhichOneof("value"))


def test_the_compiled_pipeline_has_them_with_the_configurations_values(compiled, config):
    ir, defaults = compiled
    # TFX adds a parameter for the pipeline root.
    assert runtime_parameters(ir).items() >= defaults.items()
    assert defaults["data_path"] == "/data/corpus"
    assert defaults["trainer_learning_rate"] == config.trainer.learning_rate
    assert defaults["trainer_weight_decay"] == 0.0
    assert "trainer_optimizer" not in defaults
    assert "trainer_tied_embedding" not in defaults


def test_a_runs_values_reach_the_nodes(compiled):
    ir, _ = compiled
    set_parameters(ir, "run-1", {"data_path": "/data/new", "trainer_epochs": 3})
    assert property_in(ir, "TextExampleGen", "input_base") == "/data/new"
    assert property_in(ir, "Trainer", "trainer_epochs") == 3
    assert property_in(ir, "Trainer", "trainer_dropout") == pytest.approx(0.2)


def test_what_a_tuner_decides_is_no_parameter_and_the_others_are_its_trials_too(tmp_path):
    given = ["tuner.trials=2", "tuner.space={dropout: [0.1]}", "data.files=/a.txt", "gate.max_perplexity=9"]
    config = load_config(None, [*given, f"output={tmp_path}"])
    pipeline = create_pipeline(config)
    defaults = add_runtime_parameters(pipeline, config)
    assert "trainer_dropout" not in defaults
    ir = compile_pipeline(pipeline, defaults)
    with pytest.raises(ConfigurationError, match="trainer_dropout"):
        set_parameters(ir, "run-1", {"trainer_dropout": 0.5})
    set_parameters(ir, "run-1", {"trainer_epochs": 3})
    assert [property_in(ir, node, "trainer_epochs") for node in ("Tuner", "Trainer")] == [3, 3]


def test_a_wrong_value_is_refused(compiled):
    ir, _ = compiled
    with pytest.raises(ConfigurationError, match="parameter trainer_epochs='many': must be like its default, 10"):
        set_parameters(ir, "run-1", {"trainer_epochs": "many"})


@pytest.mark.parametrize(
    ("parameter", "folder", "message"),
    [
        (
            "data_path",
            "https://x.org/corpus",
            "is a web address; download it first, with curl -LO https://x.org/corpus",
        ),
        ("data_path", "s3://bucket/corpus", "copy it to this machine first, with aws s3 cp"),
        ("data_path", "file:///srv/corpus", "give the path alone, without file://"),
        ("data_path", "", "an empty path"),
        ("data_path", "/srv/a\0b", "no path has a NUL"),
        ("data_path", "-", "standard input is not read"),
        ("data_path", "corpus", "must be a whole path, such as /srv/corpus"),
        ("data_path", "~/corpus", "must be a whole path, such as /srv/corpus; ~ is not replaced"),
        ("pipeline-root", "/srv/a*b", "/srv/a*b contains *, which TFX and Beam take for patterns"),
        ("pipeline-root", "", "an empty path"),
        ("pipeline-root", "runs", "must be a whole path"),
        ("pipeline-root", "https://x.org/runs", "is a web address"),
    ],
)
def test_folders_that_no_task_could_use(compiled, parameter, folder, message):
    ir, _ = compiled
    with pytest.raises(ConfigurationError) as caught:
        set_parameters(ir, "run-1", {parameter: folder})
    assert str(caught.value).startswith(f"parameter {parameter}")
    assert message in str(caught.value)


@pytest.mark.parametrize(("parameter", "folder"), [("data_path", "/srv/corpus"), ("pipeline-root", "gs://bucket/runs")])
def test_folders_that_tasks_can_use(compiled, parameter, folder):
    ir, _ = compiled
    set_parameters(ir, "run-1", {parameter: folder})


def test_the_spans_are_one_if_patterns_have_markers(compiled, tmp_path):
    assert "data_spans" not in compiled[1]
    overrides = ["data.files=/data/{SPAN}/*.txt", "data.spans=7", "gate.max_perplexity=100", f"output={tmp_path}"]
    config = load_config(None, overrides)
    pipeline = create_pipeline(config)
    defaults = add_runtime_parameters(pipeline, config)
    assert defaults["data_spans"] == "7"
    ir = compile_pipeline(pipeline, defaults)
    with pytest.raises(ConfigurationError, match="parameter data_spans=newest: must be numbers or days"):
        set_parameters(ir, "run-1", {"data_spans": "newest"})
    set_parameters(ir, "run-1", {"data_spans": "2026-05-01"})
    assert property_in(ir, "TextExampleGen", "spans") == "2026-05-01"
