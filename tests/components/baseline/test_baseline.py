import shutil
from pathlib import Path

import pytest
import tfx
from tfx.orchestration import data_types as pipeline_data_types
from tfx.orchestration import metadata
from tfx.orchestration.launcher.in_process_component_launcher import InProcessComponentLauncher
from tfx.orchestration.portable import data_types
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx_lm.components.baseline.component import Baseline
from tfx_lm.components.baseline.driver import Driver
from tfx_lm.components.baseline.executor import Executor
from tfx_lm.components.baseline.served import (
    DamagedVersionsError,
    NotComparedError,
    check_compared,
    same_folder,
    served_model,
)
from tfx_lm.components.model_copy import ChangedModelError, model_digest
from tfx_lm.exported.damage import write_sums

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(save_uniform_model, tmp_path_factory) -> dict[str, str]:
    """Two models, A and B; C is B with one variable changed."""
    folder = tmp_path_factory.mktemp("models")
    return {
        "A": save_uniform_model(8, path=folder / "A"),
        "B": save_uniform_model(16, path=folder / "B"),
        "C": save_uniform_model(16, path=folder / "C", log_probability=-1.0),
    }


@pytest.fixture
def push(models, tmp_path):
    """A function that copies models to the push destination, as versions 1, 2 and so on; returns the destination."""

    def push(names: str) -> Path:
        for version, name in enumerate(names, start=1):
            shutil.copytree(models[name], tmp_path / "serving" / str(version))
        return tmp_path / "serving"

    return push


@pytest.mark.parametrize(
    ("served", "candidate", "found"),
    [("", "A", None), ("A", "A", None), ("A", "B", 1), ("AB", "B", 1), ("AB", "A", 2), ("B", "C", 1), ("ABB", "B", 1)],
)
def test_the_docstrings_table(push, models, served, candidate, found):
    destination = push(served)
    assert served_model(str(destination), models[candidate]) == (f"{destination}/{found}" if found else "")


def test_a_model_with_other_words_is_no_copy(push, models, tmp_path):
    """A word that is replaced everywhere in the corpus may leave graph and weights the same."""
    destination, candidate = push("A"), tmp_path / "candidate"
    shutil.copytree(models["A"], candidate)
    (candidate / "assets").mkdir(exist_ok=True)
    (candidate / "assets" / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\ncat\n")
    assert served_model(str(destination), str(candidate)) == f"{destination}/1"
    shutil.copytree(candidate, destination / "2")
    assert served_model(str(destination), str(candidate)) == f"{destination}/1"
    assert served_model(str(destination), models["A"]) == f"{destination}/2"


@pytest.mark.parametrize(
    ("served", "candidate", "compared", "pushed"),
    [("", "A", "", True), ("A", "B", "1", True), ("A", "A", "", True), ("", "B", "1", True), ("A", "B", "", False),
     ("AB", "C", "1", False), ("A", "C", "2", False)],
)  # fmt: skip
def test_a_candidate_must_have_been_compared_with_what_is_served(push, models, served, candidate, compared, pushed):
    destination = push(served)
    folder = f"{destination}//{compared}" if compared else ""
    if pushed:
        check_compared(str(destination), models[candidate], folder)
        return
    expected = (
        rf"^{destination}/{len(served)} is served now, but .* compared with {folder or 'none'}; .* Run the pipeline"
    )
    with pytest.raises(NotComparedError, match=expected):
        check_compared(str(destination), models[candidate], folder)


def test_another_model_in_the_folder_of_the_compared_one_was_not_compared(push, models):
    destination = push("B")
    compared = str(destination / "1")
    check_compared(str(destination), models["A"], compared, digest=model_digest(models["B"]))
    with pytest.raises(NotComparedError, match=rf"^{compared} holds another model than the one that was .* Run the"):
        check_compared(str(destination), models["A"], compared, digest=model_digest(models["C"]))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [("gs://bucket/a", "gs://bucket/a/", True), ("gs://bucket/a", "gs://bucket/b", False),
     ("gs://bucket/a", "/bucket/a", False), ("/a/b/", "/a//b", True), ("/a/b", "/a/c", False)],
)  # fmt: skip
def test_folders_that_are_the_same(first, second, same):
    assert same_folder(first, second) is same_folder(second, first) is same


def test_an_incomplete_version_is_not_served(push, models):
    destination = push("AB")
    (destination / "2" / "saved_model.pb").unlink()
    assert served_model(str(destination), models["C"]) == f"{destination}/1"


def truncate(version: Path) -> None:
    (data,) = (version / "variables").glob("variables.data-*")
    data.write_bytes(data.read_bytes()[:-100])


def test_a_damaged_version_is_not_the_baseline(push, models, caplog):
    destination = push("AB")
    truncate(destination / "2")
    assert served_model(str(destination), models["C"]) == f"{destination}/1"
    assert f"{destination}/2: it cannot be read (" in caplog.text
    # The Pusher looks in the same way.
    check_compared(str(destination), models["C"], f"{destination}/1")


def test_damaged_versions_only_are_refused(push, models):
    destination = push("AB")
    truncate(destination / "1")
    truncate(destination / "2")
    expected = (
        rf"every served model is damaged, .* \({destination}/2: it cannot .*{destination}/1: .*; bring back a copy"
    )
    with pytest.raises(DamagedVersionsError, match=expected):
        served_model(str(destination), models["C"])


def candidate_in(folder: Path, model: str) -> dict[str, list[standard_artifacts.Model]]:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder / "candidate")
    shutil.copytree(model, folder / "candidate" / "Format-Serving")
    return {"model": [artifact]}


def output_in(folder: Path) -> dict[str, list[standard_artifacts.Model]]:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder / "baseline")
    return {"baseline": [artifact]}


def run_driver(inputs, properties):
    info = data_types.ExecutionInfo(input_dict=inputs, output_dict={}, exec_properties=properties)
    return {name: value.string_value for name, value in Driver(None).run(info).exec_properties.items()}


def test_the_served_model_is_part_of_the_caches_key(push, models, tmp_path):
    inputs = candidate_in(tmp_path, models["B"])
    properties = {"push_destination": str(tmp_path / "serving"), "code_digest": "0123"}
    assert run_driver(inputs, properties) == {**properties, "served_model": "", "served_digest": ""}
    push("AB")
    served = {"served_model": str(tmp_path / "serving" / "1"), "served_digest": model_digest(models["A"])}
    assert run_driver(inputs, properties) == {**properties, **served}


@pytest.mark.parametrize("with_sums", [False, True])
def test_another_model_under_the_same_path_is_another_key_of_the_cache(push, models, tmp_path, with_sums):
    inputs = candidate_in(tmp_path, models["A"])
    version = push("B") / "1"

    def key(name: str) -> dict[str, str]:
        shutil.rmtree(version)
        shutil.copytree(models[name], version)
        if with_sums:
            write_sums(str(version))
        return run_driver(inputs, {"push_destination": str(tmp_path / "serving")})

    before = key("B")
    after = key("C")
    assert after["served_model"] == before["served_model"] == str(version)
    assert after["served_digest"] != before["served_digest"]
    # It was restored.
    assert key("B") == before


def test_a_notebook_sees_that_another_model_is_served(push, models, tmp_path):
    """With the launcher of TFX's `InteractiveContext`, which takes unchanged nodes from the cache."""
    database = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    candidate = candidate_in(tmp_path, models["B"])["model"]
    # As the Trainer's launcher would; without it, TFX looks for the folders of older releases.
    candidate[0].set_string_custom_property(artifact_utils.ARTIFACT_TFX_VERSION_CUSTOM_PROPERTY_KEY, tfx.__version__)
    with metadata.Metadata(database) as store:
        store.publish_artifacts(candidate)

    def compared_with(run: str) -> tuple[int, str]:
        launched = InProcessComponentLauncher.create(
            Baseline(channel_utils.as_channel(candidate), str(tmp_path / "serving")),
            pipeline_data_types.PipelineInfo("notebook", str(tmp_path / "artifacts"), run),
            pipeline_data_types.DriverArgs(enable_cache=True, interactive_resolution=True),
            metadata.Metadata(database), [], {},
        ).launch()  # fmt: skip
        (baseline,) = launched.output_dict["baseline"]
        return baseline.id, baseline.get_string_custom_property("served_model")

    first = compared_with("first")
    assert first[1] == ""
    assert compared_with("cached") == first
    push("A")
    assert compared_with("pushed")[1] == str(tmp_path / "serving" / "1")


@pytest.mark.parametrize("driven", [True, False])
def test_the_artifact_is_a_copy_with_or_without_the_driver(push, models, tmp_path, driven):
    inputs, outputs = candidate_in(tmp_path, models["B"]), output_in(tmp_path)
    properties = {"push_destination": str(push("A"))}
    Executor().Do(inputs, outputs, run_driver(inputs, properties) if driven else properties)
    copy = tmp_path / "baseline" / "Format-Serving"
    assert (copy / "saved_model.pb").read_bytes() == (Path(models["A"]) / "saved_model.pb").read_bytes()
    assert outputs["baseline"][0].get_string_custom_property("served_model") == str(tmp_path / "serving" / "1")
    assert outputs["baseline"][0].get_string_custom_property("served_digest") == model_digest(models["A"])


@pytest.mark.parametrize("change", ["removed", "replaced", "cut off"])
def test_a_served_model_that_is_no_longer_the_one_that_was_looked_up(push, models, tmp_path, change):
    inputs = candidate_in(tmp_path, models["A"])
    version = push("B") / "1"
    found = run_driver(inputs, {"push_destination": str(tmp_path / "serving")})
    if change == "cut off":
        truncate(version)
    else:
        shutil.rmtree(version)
    if change == "replaced":
        shutil.copytree(models["C"], version)
    with pytest.raises(ChangedModelError, match=r"serving/1: was removed or changed while it was copied; run the"):
        Executor().Do(inputs, output_in(tmp_path), found)


def test_without_a_served_model_the_folder_is_empty(models, tmp_path, monkeypatch):
    inputs, outputs = candidate_in(tmp_path, models["A"]), output_in(tmp_path)
    left_over = tmp_path / "baseline" / "Format-Serving"
    left_over.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    Executor().Do(inputs, outputs, {"push_destination": "serving"})
    assert list((tmp_path / "baseline").iterdir()) == []
    assert outputs["baseline"][0].get_string_custom_property("served_model") == ""
    # The Pusher may run in another working folder.
    assert outputs["baseline"][0].get_string_custom_property("served_destination") == str(tmp_path / "serving")
