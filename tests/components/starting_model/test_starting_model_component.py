"""The model to start from: which one is found, and what a pipeline and its cache see of it."""

import shutil
from pathlib import Path

import pytest
from tfx.orchestration.portable import data_types
from tfx.types import Channel, channel_utils, standard_artifacts
from tfx_lm import progress
from tfx_lm.components.baseline.served import DamagedVersionsError
from tfx_lm.components.model_copy import ChangedModelError
from tfx_lm.components.starting_model.component import StartingModel
from tfx_lm.components.starting_model.driver import Driver, find_start
from tfx_lm.components.starting_model.executor import Executor
from tfx_lm.components.starting_model.find import examples_digest, input_digest, named_start, served_start
from tfx_lm.errors import SettingError
from tfx_lm.exported.damage import write_sums
from tfx_lm.exported.training_origin import TrainingOrigin, write_training_origin


@pytest.fixture(scope="module")
def model(save_uniform_model, tmp_path_factory) -> str:
    return save_uniform_model(8, path=tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def push(model, tmp_path):
    """Pushes models as versions 1, 2 and so on, each trained on the input of a letter; `-` is not known.

    A small letter: it started from another model.
    """

    def push(inputs: str) -> str:
        for version, of_input in enumerate(inputs, start=1):
            folder = tmp_path / "serving" / str(version)
            shutil.copytree(model, folder)
            digest = "" if of_input == "-" else digest_of(of_input.upper())
            write_training_origin(str(folder), TrainingOrigin((), digest, from_model=of_input.islower()))
            write_sums(str(folder))
        return str(tmp_path / "serving")

    return push


def examples(fingerprint: str | None) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.uri = "/examples/3"
    if fingerprint is not None:
        artifact.set_string_custom_property("input_fingerprint", fingerprint)
    return artifact


def digest_of(fingerprint: str) -> str:
    return examples_digest([examples(fingerprint)])


@pytest.mark.parametrize(
    ("served", "of_input", "found"),
    [
        ("", "X", 0),
        ("X", "X", 0),
        ("X", "Y", 1),
        ("XY", "Y", 1),
        ("XY", "Z", 2),
        ("-", "X", 1),
        ("XYX", "X", 2),
        ("Xy", "Y", 1),
        ("y", "Y", 1),
        ("yy", "Y", 2),
        ("yY", "Y", 0),
        ("Yy", "Y", 0),
    ],
)
def test_the_docstrings_table(push, served, of_input, found):
    destination = push(served)
    assert served_start(destination, digest_of(of_input)) == (f"{destination}/{found}" if found else "")


def test_several_artifacts_and_those_without_a_fingerprint_have_digests():
    found = [examples_digest(list(map(examples, of))) for of in (("X", "Y"), ("Y", "X"), ("X",), (None,))]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_files_that_were_written_again_are_the_same_input():
    made = [examples(fingerprint) for fingerprint in ("X", "Y", "X")]
    for artifact, content in zip(made, ("1", "1", "2"), strict=True):
        artifact.set_string_custom_property("content_digest", content)
    first, again, other = (examples_digest([artifact]) for artifact in made)
    assert first == again != other


@pytest.mark.parametrize("known", ["content_digest", "input_fingerprint"])
def test_the_same_files_read_by_another_field_are_another_input(known):
    made = [standard_artifacts.Examples() for _ in range(4)]
    for artifact, field in zip(made, ("", "title", "title", "body"), strict=True):
        artifact.set_string_custom_property(known, "1")
        if field:
            artifact.set_string_custom_property("text_field", field)
    default, title, again, body = (examples_digest([artifact]) for artifact in made)
    assert title == again
    assert len({default, title, body}) == 3
    # As models of earlier versions have it.
    assert default == input_digest(["1"])


def truncate(version: Path) -> None:
    (data,) = (version / "variables").glob("variables.data-*")
    data.write_bytes(data.read_bytes()[:-100])


def test_a_damaged_version_is_passed_over_unless_all_are(push, caplog):
    destination = push("XY")
    truncate(Path(destination) / "2")
    assert served_start(destination, digest_of("Z")) == f"{destination}/1"
    assert f"{destination}/2: " in caplog.text
    truncate(Path(destination) / "1")
    with pytest.raises(
        DamagedVersionsError, match="every served model is damaged, so that this run has no earlier model to"
    ):
        served_start(destination, digest_of("Z"))


def test_a_model_by_its_path(push, tmp_path):
    destination = push("XY")
    assert named_start(destination) == f"{destination}/2"
    assert named_start(f"{destination}/1") == f"{destination}/1"
    with pytest.raises(SettingError, match=r"^model_path=.*/nowhere: .*no such folder; give a pushed version's folder"):
        named_start(f"{tmp_path}/nowhere")
    truncate(Path(destination) / "1")
    with pytest.raises(SettingError, match="name a model that is whole"):
        named_start(f"{destination}/1")


def run(properties: dict[str, str], fingerprint: str, folder: Path) -> standard_artifacts.Model:
    """Runs driver and executor as TFX's launcher does."""
    inputs = {"examples": [examples(fingerprint)]}
    added = Driver(None).run(data_types.ExecutionInfo(input_dict=inputs, exec_properties=properties))
    told = {name: value.string_value for name, value in added.exec_properties.items()}
    base_model = standard_artifacts.Model()
    base_model.uri = str(folder)
    Executor().Do(inputs, {"base_model": [base_model]}, told)
    return base_model


def test_the_artifact_is_a_copy_and_says_whose(push, tmp_path):
    destination = push("X")
    base_model = run({"push_destination": destination}, "Y", tmp_path / "artifact")
    assert (tmp_path / "artifact" / "Format-Serving" / "saved_model.pb").exists()
    assert base_model.get_string_custom_property("starting_model") == f"{destination}/1"
    assert base_model.get_string_custom_property("examples_digest") == digest_of("Y")
    assert base_model.get_string_custom_property("same_input") == ""


def test_a_start_from_a_model_of_the_same_text_is_recorded(push, tmp_path):
    base_model = run({"push_destination": push("y")}, "Y", tmp_path / "artifact")
    assert base_model.get_string_custom_property("starting_model") == f"{tmp_path}/serving/1"
    assert base_model.get_string_custom_property("same_input") == "yes"


def test_it_says_what_it_found_in_words_that_fit_all_who_read_it(push, tmp_path):
    shown = []
    with progress.listening(lambda text, fraction: shown.append(text)):
        run({"push_destination": push("X")}, "Y", tmp_path / "artifact")
        run({"push_destination": f"{tmp_path}/nowhere"}, "Y", tmp_path / "artifact")
    assert shown == [f"the earlier model is {tmp_path}/serving/1", "no model of other text is served"]


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_model_that_is_no_longer_the_one_that_was_looked_up(push, tmp_path, change):
    version = Path(push("X")) / "1"

    def look_up(self, inputs, properties):
        found = find_start(inputs, properties)
        if change == "removed":
            shutil.rmtree(version)
        else:
            index = version / "variables" / "variables.index"
            index.write_bytes(index.read_bytes() + b"0")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Driver, "look_up", look_up)
        with pytest.raises(ChangedModelError, match=r"serving/1: was removed or changed while it was copied; run the"):
            run({"push_destination": str(version.parent)}, "Y", tmp_path / "artifact")


def test_without_a_model_its_folder_is_empty(push, tmp_path):
    base_model = run({"push_destination": push("")}, "Y", tmp_path / "artifact")
    assert list((tmp_path / "artifact").iterdir()) == []
    assert base_model.get_string_custom_property("starting_model") == ""


def test_another_model_under_the_same_path_is_another_key_of_the_cache(push):
    destination = push("X")
    info = data_types.ExecutionInfo(
        input_dict={"examples": [examples("Y")]}, exec_properties={"model_path": f"{destination}/1"}
    )
    before = Driver(None).run(info).exec_properties
    assert Driver(None).run(info).exec_properties == before
    (Path(destination) / "1" / "assets").mkdir(exist_ok=True)
    (Path(destination) / "1" / "assets" / "vocabulary").write_text("<pad>\n")
    write_sums(f"{destination}/1")
    after = Driver(None).run(info).exec_properties
    assert after["starting_model"] == before["starting_model"]
    assert after["model_digest"] != before["model_digest"]


def test_the_executor_looks_the_model_up_without_a_driver(push, tmp_path):
    destination = push("X")
    base_model = standard_artifacts.Model()
    base_model.uri = str(tmp_path / "artifact")
    Executor().Do({"examples": [examples("Y")]}, {"base_model": [base_model]}, {"push_destination": destination})
    assert base_model.get_string_custom_property("starting_model") == f"{destination}/1"


def test_a_model_is_named_in_one_way():
    channel = channel_utils.as_channel([standard_artifacts.Examples()])
    assert isinstance(channel, Channel)
    for given in ({}, {"push_destination": "/a", "model_path": "/b"}):
        with pytest.raises(SettingError, match="set exactly one of push_destination and model_path"):
            StartingModel(channel, **given)
