import json
from types import SimpleNamespace

from tfx.components.trainer import executor as tfx_executor
from tfx_lm.components.trainer.executor import Executor, with_overrides


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
