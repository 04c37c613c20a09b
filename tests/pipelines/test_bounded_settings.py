"""A value out of bounds is refused by configuration, component and run, in the same words."""

import math
from types import SimpleNamespace

import pytest
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import pusher_pb2
from tfx.types import Channel, standard_artifacts
from tfx_lm.components import AtomicPusher, MaskedEvaluator, MaskedTrainer, ServingCheck, TextExampleGen, TextTransform
from tfx_lm.components.evaluator.executor import Executor as EvaluatorExecutor
from tfx_lm.components.pusher.executor import Executor as PusherExecutor
from tfx_lm.components.serving_check.executor import Executor as ServingCheckExecutor
from tfx_lm.components.trainer.executor import Executor as TrainerExecutor
from tfx_lm.components.trainer.overrides import property_of
from tfx_lm.errors import SettingError
from tfx_lm.pipelines.config import PipelineConfig, load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline, set_parameters
from tfx_lm.pipelines.nodes.runtime_parameters import add_runtime_parameters
from tfx_lm.pipelines.pipeline import create_pipeline
from tfx_lm.pipelines.setting_names import yaml_key
from tfx_lm.transform.options import LineOptions

SECTIONS = ("data", "vocabulary", "trainer", "gate", "serving_check", "pusher")
OUTSIDE = {
    "ge": lambda bound: bound - 1,
    "gt": lambda bound: bound,
    "le": lambda bound: bound + 1,
    "lt": lambda bound: bound,
}
CHANNELS = SimpleNamespace(
    **{
        kind: Channel(type=getattr(standard_artifacts, kind))
        for kind in ("Examples", "Model", "Schema", "TransformGraph")
    }
)


def bad_values():
    """(section, name, value) of values just outside each bound, and of others that are no numbers of its kind."""
    for section in SECTIONS:
        for name, field in PipelineConfig.model_fields[section].annotation.model_fields.items():
            bounds = [
                (bound, getattr(part, bound)) for part in field.metadata for bound in OUTSIDE if hasattr(part, bound)
            ]
            if bounds:
                values = [OUTSIDE[bound](value) for bound, value in bounds]
                whole = "int" in str(field.annotation)
                for value in dict.fromkeys([*values, *([2.5] if whole else [math.inf, math.nan]), "many"]):
                    yield section, name, value
                yield section, name, True
    yield "data", "max_length", 1


VALUES = list(bad_values())
IDS = [f"{section}.{name}={value}" for section, name, value in VALUES]


def refused_by_configuration(section, name, value) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_config(None, ["gate.max_bits_per_byte=9", "gate.max_perplexity=9"], {f"{section}.{name}": value})
    return str(caught.value)


def refused(build, *arguments) -> str:
    """The message of a component, with the names of the configuration."""
    with pytest.raises(SettingError) as caught:
        build(*arguments)
    return caught.value.with_names(yaml_key)


def component(section, name, value):
    if section == "trainer":
        return MaskedTrainer(CHANNELS.Examples, CHANNELS.TransformGraph, CHANNELS.Schema, trainer={name: value})
    if section == "gate":
        gate = {"max_perplexity": 9.0, "max_bits_per_byte": 9.0, name: value}
        return MaskedEvaluator(CHANNELS.Examples, CHANNELS.Model, **gate)
    if section == "serving_check":
        return ServingCheck(CHANNELS.Model, CHANNELS.Examples, **{name: value})
    if section == "pusher":
        return AtomicPusher(pusher_pb2.PushDestination(), CHANNELS.Model, **{name: value})
    if section == "data" and name not in LineOptions.model_fields:
        return TextExampleGen.from_files("/corpus/*.txt", **{name: value})
    options = {name: value} if section == "data" else {section: {name: value}}
    return TextTransform(CHANNELS.Examples, CHANNELS.Schema, options)


def run(section, name, value):
    """Runs a node with a value that came with the run."""
    executor = {
        "trainer": TrainerExecutor, "gate": EvaluatorExecutor, "serving_check": ServingCheckExecutor,
        "pusher": PusherExecutor,
    }[section]()  # fmt: skip
    built = component(section, name, PipelineConfig.model_fields[section].annotation.model_fields[name].default)
    property_name = property_of(name) if section == "trainer" else name
    executor.Do({}, {}, {**built.exec_properties, property_name: value})


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("output")
    config = load_config(None, ["gate.max_perplexity=9", "data.files=/corpus.txt", f"output={folder}"])
    made = create_pipeline(config)
    return compile_pipeline(made, add_runtime_parameters(made, config))


def test_there_are_values_for_every_section():
    assert {section for section, _, _ in VALUES} == set(SECTIONS)
    assert len({(section, name) for section, name, _ in VALUES}) > 20


@pytest.mark.slow
@pytest.mark.parametrize(("section", "name", "value"), VALUES, ids=IDS)
def test_configuration_and_component_say_the_same(section, name, value):
    expected = refused_by_configuration(section, name, value)
    assert expected.startswith(f"{section}.{name}=")
    assert refused(component, section, name, value) == expected
    if section not in ("data", "vocabulary"):
        assert refused(run, section, name, value) == expected


DEFAULTS = PipelineConfig.model_fields["trainer"].default
# A parameter of another type than its default is refused for that.
IN_A_RUN = [
    (section, name, value)
    for section, name, value in VALUES
    if section == "trainer" and type(value) in {type(getattr(DEFAULTS, name)), int} - {bool}
]


@pytest.mark.slow
@pytest.mark.parametrize(("section", "name", "value"), IN_A_RUN, ids=lambda value: str(value))
def test_a_parameter_of_a_compiled_pipeline_is_refused_before_any_node_runs(pipeline, section, name, value):
    with pytest.raises(ConfigurationError) as caught:
        set_parameters(pipeline, "run", {property_of(name): value})
    expected = refused_by_configuration(section, name, value)
    assert str(caught.value) == "parameter " + expected.replace(f"trainer.{name}", property_of(name))


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("section", ["gate", "serving_check", "pusher"])
def test_the_default_of_a_runtime_parameter_is_checked(section, value):
    for name, kind in (("slice_min_sentences", int), ("max_latency_ms", float), ("keep_versions", int)):
        if name in PipelineConfig.model_fields[section].annotation.model_fields:
            parameter = RuntimeParameter(name="of_the_run", ptype=kind, default=kind(value))
            assert refused(component, section, name, parameter) == refused_by_configuration(section, name, kind(value))


@pytest.mark.parametrize("section", ["gate", "serving_check", "pusher"])
def test_a_runtime_parameter_without_a_default_is_left_to_the_run(section):
    for name in PipelineConfig.model_fields[section].annotation.model_fields:
        if name not in ("criterion", "slices"):
            whole = name in ("slice_min_sentences", "keep_versions", "require_push")
            parameter = RuntimeParameter(name="of_the_run", ptype=int if whole else float)
            assert component(section, name, parameter).exec_properties[name] is parameter
