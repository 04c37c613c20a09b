"""The folder of the SavedModel in an artifact, whoever made it."""

from tfx.types import standard_artifacts
from tfx_lm.components.model_path import model_path


def test_a_trainers_artifact_and_an_importers_of_a_pushed_version(tmp_path):
    model = standard_artifacts.Model()
    model.uri = str(tmp_path)
    assert model_path(model) == f"{tmp_path}/Format-Serving"
    (tmp_path / "saved_model.pb").touch()
    assert model_path(model) == str(tmp_path)
