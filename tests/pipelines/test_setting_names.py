import pytest
from tfx_lm.errors import SettingError
from tfx_lm.pipelines.config import PipelineConfig
from tfx_lm.pipelines.setting_names import YAML_KEYS, in_yaml_terms, yaml_key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("units", "trainer.units"),
        ("batch_tokens", "trainer.batch_tokens"),
        ("tolerance", "gate.tolerance"),
        ("max_latency_ms", "serving_check.max_latency_ms"),
        ("keep_versions", "pusher.keep_versions"),
        ("text_field", "data.text_field"),
        ("splits.train", "data.splits.train"),
        ("vocabulary_file", "vocabulary.file"),
        ("push_destination", "output"),
        ("TF_CONFIG", "TF_CONFIG"),
        ("name", "name"),
    ],
)
def test_key_of_an_argument(name, key):
    assert yaml_key(name) == key


def test_a_name_alone_does_not_stand_for_a_key_of_another_meaning():
    assert {"size", "file", "cpu"} & YAML_KEYS.keys() == set()


def test_every_key_that_a_component_reads_has_its_argument():
    keys = {
        f"{section}.{of_section.alias or name}"
        for section, field in PipelineConfig.model_fields.items()
        if section not in ("beam", "kubeflow")  # No component reads them.
        for name, of_section in getattr(field.annotation, "model_fields", {}).items()
    }
    assert keys
    assert keys == set(YAML_KEYS.values()) - {"output"}


def test_the_setting_that_caused_an_error_is_named():
    try:
        try:
            raise SettingError("{units}=0: must be >= 1")
        except SettingError as cause:
            raise RuntimeError("the node failed") from cause
    except RuntimeError as error:
        assert in_yaml_terms(error) == "trainer.units=0: must be >= 1"


def test_an_error_without_settings_stays_as_it_is():
    assert in_yaml_terms(ValueError("units=0")) is None
