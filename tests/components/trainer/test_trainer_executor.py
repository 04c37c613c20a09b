import json
from types import SimpleNamespace

import pytest
from tfx.components.trainer import executor as tfx_executor
from tfx.types import Channel, standard_artifacts
from tfx_lm.components.trainer.component import MaskedTrainer
from tfx_lm.components.trainer.executor import Executor
from tfx_lm.components.trainer.overrides import with_overrides
from tfx_lm.components.trainer.start import EXAMPLES, FROM_MODEL, STARTED_FROM
from tfx_lm.errors import SettingError
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.options import TextOptions


def test_the_docstrings_example():
    config = {"trainer": {"epochs": 3, "units": 8}}
    assert with_overrides(config, {"trainer_epochs": 5, "code_digest": "…"}) == {"trainer": {"epochs": 5, "units": 8}}
    assert config == {"trainer": {"epochs": 3, "units": 8}}


def test_a_value_that_is_false_or_zero_is_an_override():
    config = {"trainer": {"dropout": 0.2}, "transform": {}}
    assert with_overrides(config, {"trainer_dropout": 0.0}) == {"trainer": {"dropout": 0.0}, "transform": {}}


def test_tfxs_own_properties_are_no_options():
    assert with_overrides({"trainer": {}}, {"trainer_fn": "module.function", "train_args": "{}"}) == {"trainer": {}}


def test_run_fn_gets_the_overrides(monkeypatch):
    seen = SimpleNamespace()

    def do(self, input_dict, output_dict, exec_properties):
        seen.properties = exec_properties

    monkeypatch.setattr(tfx_executor.GenericExecutor, "Do", do)
    properties = {"custom_config": '{"trainer": {"epochs": 3}}', "trainer_epochs": 1, "run_fn": "a.b"}
    Executor().Do({}, {}, properties)
    assert json.loads(seen.properties["custom_config"]) == {"trainer": {"epochs": 1}}
    assert seen.properties["run_fn"] == "a.b"


def test_a_bad_override_is_refused_before_run_fn(monkeypatch):
    started = []
    monkeypatch.setattr(tfx_executor.GenericExecutor, "Do", lambda *arguments: started.append(arguments))
    properties = {"custom_config": '{"trainer": {"epochs": 3}}', "trainer_dropout": 1.5}
    with pytest.raises(SettingError, match=r"^dropout=1.5: must be < 1.0; set dropout$"):
        Executor().Do({}, {}, properties)
    assert started == []


def made(**options):
    return MaskedTrainer(
        examples=Channel(type=standard_artifacts.Examples),
        transform_graph=Channel(type=standard_artifacts.TransformGraph),
        schema=Channel(type=standard_artifacts.Schema),
        **options,
    )


def test_the_component_fills_in_defaults():
    component = made(trainer={"units": 32}, transform={"tokenizer": "byte"}, backup_directory="/backups")
    assert component.id == "Trainer"
    assert json.loads(component.exec_properties["custom_config"]) == {
        "trainer": TrainerOptions(units=32).model_dump(mode="json"),
        "transform": TextOptions(tokenizer="byte").model_dump(mode="json"),
        "backup_directory": "/backups",
    }
    same = made(trainer=TrainerOptions(units=32), transform=TextOptions(tokenizer="byte"), backup_directory="/backups")
    assert same.exec_properties["custom_config"] == component.exec_properties["custom_config"]


def test_the_component_refuses_bad_options():
    with pytest.raises(SettingError, match=r"^units=0: must be >= 1; set units$"):
        made(trainer={"units": 0})
    with pytest.raises(SettingError, match=r"^unit: unknown key; did you mean units\?$"):
        made(trainer={"unit": 3})


def starting_model(path: str) -> standard_artifacts.Model:
    artifact = standard_artifacts.Model()
    artifact.set_string_custom_property("starting_model", path)
    artifact.set_string_custom_property("examples_digest", "0123")
    return artifact


def transformed(digest: str) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.set_string_custom_property("starting_model", "/serving/7")
    artifact.set_string_custom_property("examples_digest", digest)
    return artifact


@pytest.mark.parametrize(
    ("inputs", "kept", "added"),
    [
        ({}, set(), {}),
        ({"base_model": [starting_model("/serving/7")]}, {"base_model"}, ("/serving/7", "0123", True)),
        # An empty folder, which object storage does not keep.
        ({"base_model": [starting_model("")]}, set(), ("", "0123", False)),
        # The model gave only its vocabulary.
        ({"examples": [transformed("4567")]}, {"examples"}, (None, "4567", True)),
        ({"base_model": [standard_artifacts.Model()]}, {"base_model"}, {}),
    ],
)
def test_run_fn_gets_what_the_starting_model_says(monkeypatch, inputs, kept, added):
    seen = []
    monkeypatch.setattr(tfx_executor.GenericExecutor, "Do", lambda _, *arguments: seen.append(arguments))
    Executor().Do(inputs, {}, {"custom_config": '{"trainer": {}}'})
    ((given, _, properties),) = seen
    assert set(given) == kept
    if added:
        names = (STARTED_FROM, EXAMPLES, FROM_MODEL)
        added = {name: value for name, value in zip(names, added, strict=True) if value is not None}
    assert json.loads(properties["custom_config"]) == {"trainer": {}} | added
