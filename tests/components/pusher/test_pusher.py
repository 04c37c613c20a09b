"""The Pusher's executor: what TFX's own does, but for how the version appears."""

import pytest
from tfx.proto import pusher_pb2
from tfx.types import channel, standard_artifacts
from tfx.utils import proto_utils
from tfx_lm.components.pusher import versions
from tfx_lm.components.pusher.component import AtomicPusher
from tfx_lm.components.pusher.executor import Executor


def destination(folder):
    return pusher_pb2.PushDestination(filesystem={"base_directory": str(folder / "serving")})


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model" / "Format-Serving"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph")
    (folder / "variables" / "variables.index").write_text("index")
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    return artifact


def push(folder, model, blessed=1, keep=None):
    component = AtomicPusher(
        destination(folder), model=channel.Channel(type=standard_artifacts.Model), keep_versions=keep
    )
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(folder / "blessing")
    blessing.set_int_custom_property("blessed", blessed)
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(folder / "pushed")
    properties = {
        "push_destination": proto_utils.proto_to_json(destination(folder)),
        "custom_config": component.spec.exec_properties["custom_config"],
    }
    Executor().Do({"model": [model], "model_blessing": [blessing]}, {"pushed_model": [pushed]}, properties)
    return pushed


def test_a_blessed_model_is_pushed_and_recorded(model, tmp_path):
    pushed = push(tmp_path, model)
    (version,) = versions.list_versions(tmp_path / "serving")
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / str(version))
    assert pushed.get_string_custom_property("pushed_version") == str(version)
    for folder in (tmp_path / "serving" / str(version), tmp_path / "pushed"):
        assert (folder / "saved_model.pb").read_text() == "graph"
        assert (folder / "variables" / "variables.index").read_text() == "index"


def test_a_model_that_is_not_blessed_is_not_pushed(model, tmp_path):
    pushed = push(tmp_path, model, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_the_newest_versions_are_kept(model, tmp_path):
    last = [push(tmp_path, model, keep=2).get_string_custom_property("pushed_version") for _ in range(4)][2:]
    assert [str(version) for version in versions.list_versions(tmp_path / "serving")] == last


def test_only_the_executor_is_another(tmp_path):
    component = AtomicPusher(destination(tmp_path), model=channel.Channel(type=standard_artifacts.Model))
    assert component.id == "Pusher"
    assert component.EXECUTOR_SPEC.executor_class is Executor
    with pytest.raises(ValueError, match="keep_versions=0: must be >= 1, or None to keep all"):
        AtomicPusher(destination(tmp_path), model=channel.Channel(type=standard_artifacts.Model), keep_versions=0)
