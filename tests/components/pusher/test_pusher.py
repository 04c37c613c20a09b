"""The Pusher's executor: what TFX's own does, but for how the version appears."""

import concurrent.futures
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import channel, standard_artifacts
from tfx.utils import proto_utils
from tfx_lm.components.baseline.served import NotComparedError
from tfx_lm.components.evaluator.results import write_verdict
from tfx_lm.components.model_copy import model_digest
from tfx_lm.components.pusher.component import AtomicPusher
from tfx_lm.components.pusher.executor import Executor
from tfx_lm.components.serving_check.verdict import ServingVerdict
from tfx_lm.errors import SettingError
from tfx_lm.exported import versions
from tfx_lm.exported.damage import write_sums
from tfx_lm.exported.gate import Verdict
from tfx_lm.exported.rollback import rollback
from tfx_lm.file_lock import host_mark
from tfx_lm.pipelines.setting_names import yaml_key


def destination(folder):
    return pusher_pb2.PushDestination(filesystem={"base_directory": f"{folder}/serving"})


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model" / "Format-Serving"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text("graph")
    (folder / "variables" / "variables.index").write_text("index")
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    return artifact


def push(
    folder,
    model,
    blessed=1,
    keep=None,
    serving=None,
    compared=None,
    compared_in=None,
    digest="",
    required=False,
    infra=(),
):
    serving = serving or destination(folder)
    # A test may have changed its files.
    write_sums(f"{model.uri}/Format-Serving")
    component = AtomicPusher(
        serving, model=channel.Channel(type=standard_artifacts.Model), keep_versions=keep, require_push=required
    )
    blessing = standard_artifacts.ModelBlessing()
    blessing.uri = str(folder / "blessing")
    blessing.set_int_custom_property("blessed", blessed)
    blessing.set_float_custom_property("bits_per_byte", 1.5)
    blessing.set_int_custom_property("tokens", 900)
    if compared is not None:
        blessing.set_string_custom_property("served_model", compared)
        blessing.set_string_custom_property("served_digest", digest)
        blessing.set_string_custom_property("served_destination", str(compared_in or serving.filesystem.base_directory))
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(folder / "pushed")
    properties = {
        "push_destination": proto_utils.proto_to_json(serving),
        "keep_versions": component.exec_properties.get("keep_versions"),
        "require_push": component.exec_properties.get("require_push"),
    }
    inputs = {"model": [model], "model_blessing": [blessing], "infra_blessing": [*infra]}
    Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def test_a_blessed_model_is_pushed_and_recorded(model, tmp_path):
    pushed = push(tmp_path, model)
    (version,) = versions.list_versions(tmp_path / "serving")
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / str(version))
    assert pushed.get_string_custom_property("pushed_version") == str(version)
    assert pushed.get_float_custom_property("bits_per_byte") == 1.5
    assert pushed.get_int_custom_property("tokens") == 900
    assert not pushed.has_custom_property("perplexity")
    for folder in (tmp_path / "serving" / str(version), tmp_path / "pushed"):
        assert (folder / "saved_model.pb").read_text() == "graph"
        assert (folder / "variables" / "variables.index").read_text() == "index"


def test_a_model_that_is_not_blessed_is_not_pushed(model, tmp_path):
    pushed = push(tmp_path, model, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_a_required_push_of_a_model_that_is_not_blessed_fails_with_the_reasons(model, tmp_path):
    begin = "not pushed, which require_push makes an error: the model is not blessed: "
    with pytest.raises(SettingError) as caught:
        push(tmp_path, model, blessed=0, required=True)
    assert str(caught.value) == begin + "the blessing tells no reason"

    write_verdict(str(tmp_path / "blessing"), Verdict(False, ["perplexity 9.0: at most {max_perplexity}=2.0"]))
    checked = standard_artifacts.InfraBlessing()
    checked.uri = str(tmp_path / "infra")
    checked.set_int_custom_property("blessed", 0)
    ServingVerdict(("a request took 9 ms; at most {max_latency_ms}=1",)).write(checked.uri)
    with pytest.raises(SettingError) as caught:
        push(tmp_path, model, blessed=0, required=True, infra=[checked])
    gate = "perplexity 9.0: at most max_perplexity=2.0"
    served = "a request took 9 ms; at most max_latency_ms=1"
    assert str(caught.value) == f"{begin}{gate}; {served}"
    in_yaml = caught.value.with_names(yaml_key)
    assert "pusher.require_push makes" in in_yaml
    assert "at most gate.max_perplexity=2.0; a request took 9 ms; at most serving_check.max_latency_ms=1" in in_yaml
    assert not (tmp_path / "serving").exists()

    # A verdict of an earlier release has the reasons alone.
    file = tmp_path / "infra" / "serving_check.json"
    newer = file.read_text()
    file.write_text('{"blessed": false, "reasons": ["no signature {max_latency_ms}"]}')
    with pytest.raises(SettingError) as caught:
        push(tmp_path, model, blessed=0, required=True, infra=[checked])
    assert caught.value.with_names(yaml_key).endswith("=2.0; no signature {max_latency_ms}")
    file.write_text(newer)

    # The gate blessed it, and the serving check did not.
    write_verdict(str(tmp_path / "blessing"), Verdict(True, ["perplexity 1.0: at most {max_perplexity}=2.0"]))
    with pytest.raises(SettingError) as caught:
        push(tmp_path, model, required=True, infra=[checked])
    assert str(caught.value) == f"{begin}{served}"

    # A model that passes is pushed as ever.
    assert push(tmp_path, model, required=True).get_int_custom_property("pushed") == 1


def test_the_default_leaves_the_cache_key_as_it_was(tmp_path):
    given = channel.Channel(type=standard_artifacts.Model)
    made = [AtomicPusher(destination(tmp_path), given, require_push=required) for required in (False, True)]
    assert [of.spec.exec_properties.get("require_push") for of in made] == [None, 1]
    with pytest.raises(SettingError, match="require_push='often'"):
        AtomicPusher(destination(tmp_path), given, require_push="often")


def test_the_newest_versions_are_kept(model, tmp_path):
    pushed = []
    for graph in "abcd":
        Path(model.uri, "Format-Serving", "saved_model.pb").write_text(graph)
        pushed.append(push(tmp_path, model, keep=2).get_string_custom_property("pushed_version"))
    assert [str(version) for version in versions.list_versions(tmp_path / "serving")] == pushed[2:]


def test_a_push_that_was_killed_before_its_record_is_not_done_twice(model, tmp_path):
    first = push(tmp_path, model)
    left = tmp_path / "serving" / f".pushing-{host_mark()}-0000"
    left.mkdir()
    again = push(tmp_path, model)
    for name in ("pushed_version", "pushed_destination"):
        assert again.get_string_custom_property(name) == first.get_string_custom_property(name)
    assert again.get_int_custom_property("pushed") == 1
    assert len(versions.list_versions(tmp_path / "serving")) == 1
    assert not left.exists()

    index = Path(model.uri, "Format-Serving", "variables", "variables.index")
    for change in (lambda: index.write_text("INDEX"), lambda: index.with_name("more").touch()):
        change()
        push(tmp_path, model)
    assert len(versions.list_versions(tmp_path / "serving")) == 3


def test_a_push_that_was_recorded_is_done_again_if_asked_for(model, tmp_path):
    push(tmp_path, model)
    shutil.copytree(tmp_path / "pushed", tmp_path / "pushed by an earlier run")
    push(tmp_path, model)
    assert len(versions.list_versions(tmp_path / "serving")) == 2


def other_version(serving, name):
    for file in ("saved_model.pb", "variables/variables.index"):
        (serving / name / file).parent.mkdir(parents=True, exist_ok=True)
        (serving / name / file).write_text(f"other {name}")
    # Otherwise such files count as damaged.
    write_sums(str(serving / name))
    return str(serving / name)


def test_a_model_is_pushed_beside_the_one_that_it_was_compared_with(model, tmp_path):
    assert push(tmp_path, model, compared=other_version(tmp_path / "serving", "5")).get_int_custom_property("pushed")
    assert versions.list_versions(tmp_path / "serving")[0] == 5


def test_a_model_that_was_compared_with_another_one_under_the_same_number_is_not_pushed(model, tmp_path):
    compared = other_version(tmp_path / "serving", "5")
    digest = model_digest(compared)
    (tmp_path / "serving" / "5" / "saved_model.pb").write_text("restored from another place")
    write_sums(compared)
    with pytest.raises(NotComparedError, match=r"^\S+/serving/5 holds another model than the one that was compared"):
        push(tmp_path, model, compared=compared, digest=digest)
    other_version(tmp_path / "serving", "5")
    assert push(tmp_path, model, compared=compared, digest=digest).get_int_custom_property("pushed") == 1


@pytest.mark.parametrize("compared", ["", "5", "9"])
def test_a_model_that_was_not_compared_with_the_served_one_is_not_pushed(model, tmp_path, compared):
    """Another run has pushed 7 meanwhile, or 9 was rolled back."""
    serving = tmp_path / "serving"
    for name in ("5", "7"):
        other_version(serving, name)
    with pytest.raises(NotComparedError, match=f"^{serving}/7 is served now, but the model was compared with "):
        push(tmp_path, model, compared=f"{serving}/{compared}" if compared else "")
    assert sorted(path.name for path in serving.iterdir()) == [".lock", "5", "7"]


@pytest.mark.parametrize("way", ["link", "link to the folder above", "relative", "file"])
@pytest.mark.parametrize("baselines", [False, True], ids=["of the Pusher", "of Baseline"])
def test_the_folder_may_be_written_in_two_ways(model, tmp_path, monkeypatch, way, baselines):
    """The Pusher's `push_destination` is another way to write that of Baseline, or the other way round."""
    monkeypatch.chdir(tmp_path)
    Path("linked").symlink_to("serving")
    Path("above").symlink_to(".")
    folders = {"link": f"{tmp_path}/linked", "link to the folder above": f"{tmp_path}/above/serving/",
               "relative": "serving", "file": f"file://{tmp_path}/serving"}  # fmt: skip
    pushers, baselines = (f"{tmp_path}/serving", folders[way])[:: -1 if baselines else 1]
    serving = pusher_pb2.PushDestination(filesystem={"base_directory": pushers})
    other_version(tmp_path / "serving", "5")
    pushed = push(tmp_path, model, serving=serving, compared=f"{baselines}/5", compared_in=baselines)
    assert pushed.get_int_custom_property("pushed") == 1

    other_version(tmp_path / "serving", "99999999999")
    with pytest.raises(
        NotComparedError, match=r"^\S+/99999999999 is served now, but the model was compared with \S+/5;"
    ):
        push(tmp_path, model, serving=serving, compared=f"{baselines}/5", compared_in=baselines)


def test_two_pushers_share_a_blessing(model, tmp_path, caplog):
    """Baseline looks at `serving`, and each run pushes to `staging` too; nothing is served before the first run."""
    serving, staging = tmp_path / "serving", tmp_path / "staging"
    compared, in_staging = "", ""
    for graph in ("first", "second", "third"):
        Path(model.uri, "Format-Serving", "saved_model.pb").write_text(graph)
        caplog.clear()
        to_staging = pusher_pb2.PushDestination(filesystem={"base_directory": str(staging)})
        pushed = push(tmp_path, model, serving=to_staging, compared=compared, compared_in=serving)
        if in_staging:
            warning = f"{in_staging}, which is served now, was not compared with the model: "
            assert f"{warning}Baseline's push_destination is {serving}" in caplog.text
        in_staging = pushed.get_string_custom_property("pushed_destination")

        caplog.clear()
        pushed = push(tmp_path, model, compared=compared, compared_in=serving)
        assert caplog.text == ""
        compared = pushed.get_string_custom_property("pushed_destination")
    assert len(versions.list_versions(staging)) == len(versions.list_versions(serving)) == 3


def test_a_first_push_beside_a_folder_that_baseline_does_not_read(model, tmp_path, caplog):
    other_version(tmp_path / "serving", "4")
    pushed = push(tmp_path, model, compared="", compared_in=tmp_path / "production")
    assert pushed.get_int_custom_property("pushed") == 1
    assert (
        f"{tmp_path}/serving/4, which is served now, was not compared with the model: Baseline's push_destination is "
        f"{tmp_path}/production"
    ) in caplog.text


@pytest.mark.parametrize("rolled_back", [False, True])
def test_what_changes_while_the_model_is_copied_counts(model, tmp_path, monkeypatch, rolled_back):
    serving = tmp_path / "serving"
    other_version(serving, "5")
    copy = versions._flush_tree

    def change(folder):
        if rolled_back:
            rollback(serving)
        else:
            other_version(serving, "8")
        copy(folder)

    compared = other_version(serving, "7")
    monkeypatch.setattr(versions, "_flush_tree", change)
    with pytest.raises(NotComparedError, match=f"^{serving}/{5 if rolled_back else 8} is served now"):
        push(tmp_path, model, compared=compared)
    assert versions.list_versions(serving) == ([5] if rolled_back else [5, 7, 8])


def test_of_four_runs_that_compared_with_the_same_model_one_pushes(tmp_path):
    serving = tmp_path / "serving"
    compared = other_version(serving, "5")

    def run(name):
        artifact = standard_artifacts.Model()
        artifact.uri = str(tmp_path / name)
        other_version(tmp_path / name, "Format-Serving")
        (tmp_path / name / "Format-Serving" / "saved_model.pb").write_text(name)
        try:
            return push(tmp_path / name, artifact, serving=destination(tmp_path), compared=compared)
        except NotComparedError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor() as threads:
        ended = list(threads.map(run, ["one", "two", "three", "four"]))
    assert sum(isinstance(each, NotComparedError) for each in ended) == 3
    assert len(versions.list_versions(serving)) == 2


@pytest.fixture
def bucket(tmp_path, model):
    """An object store with the versions 3 and 5, without sums, and what a killed push or removal leaves as 4.

    TensorFlow's own in-memory files, which have a scheme and no folders, stand in for it.
    """
    uri = f"ram://bucket{tmp_path}"
    for name in ("3/saved_model.pb", "3/variables/variables.index", "4/variables/variables.index",
                 "5/saved_model.pb", "5/variables/variables.index"):  # fmt: skip
        tf.io.gfile.makedirs(f"{uri}/serving/{name}".rsplit("/", 1)[0])
        tf.io.gfile.copy(f"{model.uri}/Format-Serving/{name.split('/', 1)[1]}", f"{uri}/serving/{name}")
    return uri


def stored(bucket):
    return {name.rstrip("/") for name in tf.io.gfile.listdir(f"{bucket}/serving")}


@pytest.mark.parametrize(("keep", "expected"), [(4, {"3", "4", "5"}), (3, {"3", "4", "5"}), (2, {"5"})])
def test_on_an_object_store_only_complete_versions_count(model, tmp_path, bucket, keep, expected):
    pushed = push(tmp_path, model, keep=keep, serving=destination(bucket))
    assert stored(bucket) == {*expected, pushed.get_string_custom_property("pushed_version")}


def test_on_an_object_store_damaged_versions_do_not_count(model, tmp_path, bucket):
    write_sums(f"{bucket}/serving/5")
    with tf.io.gfile.GFile(f"{bucket}/serving/5/saved_model.pb", "a") as file:
        file.write("more")
    pushed = push(tmp_path, model, keep=2, serving=destination(bucket))
    assert stored(bucket) == {"3", "4", "5", pushed.get_string_custom_property("pushed_version")}


@pytest.mark.parametrize("end", ["", "/"])
def test_on_an_object_store_the_newest_version_is_not_pushed_again(model, tmp_path, bucket, end, monkeypatch):
    serving = pusher_pb2.PushDestination(filesystem={"base_directory": f"{bucket}/serving{end}"})
    first = push(tmp_path, model, keep=2, serving=serving)
    before = stored(bucket)
    shutil.rmtree(tmp_path / "pushed")
    later = versions.time.time() + 9
    monkeypatch.setattr(versions.time, "time", lambda: later)
    again = push(tmp_path, model, keep=2, serving=serving)
    assert stored(bucket) == before == {"5", first.get_string_custom_property("pushed_version")}
    for name in ("pushed_version", "pushed_destination"):
        assert again.get_string_custom_property(name) == first.get_string_custom_property(name)
    assert again.get_string_custom_property("pushed_destination").startswith(f"{bucket}/serving/")
    assert again.get_int_custom_property("pushed") == 1
    assert again.get_float_custom_property("bits_per_byte") == 1.5
    assert (tmp_path / "pushed" / "saved_model.pb").read_text() == "graph"


def test_on_an_object_store_a_run_that_pushes_nothing_prunes_too(model, tmp_path, bucket):
    first = push(tmp_path, model, serving=destination(bucket)).get_string_custom_property("pushed_version")
    assert stored(bucket) == {"3", "4", "5", first}
    push(tmp_path, model, keep=1, serving=destination(bucket))
    assert stored(bucket) == {first}


def test_on_an_object_store_a_damaged_copy_of_the_model_is_pushed_again(model, tmp_path, bucket):
    first = push(tmp_path, model, serving=destination(bucket)).get_string_custom_property("pushed_version")
    with tf.io.gfile.GFile(f"{bucket}/serving/{first}/variables/variables.index", "w") as file:
        file.write("cut")
    second = push(tmp_path, model, serving=destination(bucket)).get_string_custom_property("pushed_version")
    assert int(second) > int(first)


def test_on_an_object_store_numbers_rise_within_a_second_and_above_the_clock(model, tmp_path, bucket, monkeypatch):
    monkeypatch.setattr(versions.time, "time", lambda: 1764000000.5)
    pushed = []
    for graph in "ab":
        Path(model.uri, "Format-Serving", "saved_model.pb").write_text(graph)
        pushed.append(push(tmp_path, model, keep=1, serving=destination(bucket)))
    assert [each.get_string_custom_property("pushed_version") for each in pushed] == ["1764000000", "1764000001"]

    # Of a killed push on a host with another clock.
    tf.io.gfile.makedirs(f"{bucket}/serving/99999999999/variables")
    tf.io.gfile.copy(f"{model.uri}/Format-Serving/saved_model.pb", f"{bucket}/serving/99999999999/variables/x")
    Path(model.uri, "Format-Serving", "saved_model.pb").write_text("c")
    push(tmp_path, model, keep=1, serving=destination(bucket))
    assert stored(bucket) == {"100000000000"}
    with tf.io.gfile.GFile(f"{bucket}/serving/100000000000/saved_model.pb") as file:
        assert file.read() == "c"


def test_on_an_object_store_servers_find_the_other_files_with_the_graph(model, tmp_path, bucket, monkeypatch):
    copied, copy = [], fileio.copy
    monkeypatch.setattr(fileio, "copy", lambda src, dst, **how: copied.append(dst) or copy(src, dst, **how))
    version = push(tmp_path, model, serving=destination(bucket)).get_string_custom_property("pushed_version")
    served = [name.removeprefix(f"{bucket}/serving/{version}/") for name in copied if name.startswith(bucket)]
    assert sorted(served) == ["assets.extra/SHA256SUMS", "saved_model.pb", "variables/variables.index"]
    assert served[-1] == "saved_model.pb"


def test_on_an_object_store_nothing_is_removed_where_nothing_was_pushed(model, tmp_path, bucket):
    assert push(tmp_path, model, blessed=0, keep=1, serving=destination(bucket)).get_int_custom_property("pushed") == 0
    assert stored(bucket) == {"3", "4", "5"}
    # Nor is the folder looked for.
    push(tmp_path, model, blessed=0, keep=1, serving=destination(f"{bucket}/new"))


def test_on_an_object_store_the_served_model_must_be_the_compared_one_too(model, tmp_path, bucket):
    # What is there is a copy of the model, which never is its own baseline.
    assert push(tmp_path, model, serving=destination(bucket), compared="").get_int_custom_property("pushed") == 1
    with tf.io.gfile.GFile(f"{bucket}/serving/5/saved_model.pb", "w") as file:
        file.write("another")
    write_sums(f"{bucket}/serving/5")
    with pytest.raises(NotComparedError, match=rf"^{bucket}/serving/5 is served now, .* compared with none; nothing"):
        push(tmp_path, model, serving=destination(bucket), compared="")


def test_a_version_that_an_object_store_does_not_remove_is_a_warning(model, tmp_path, bucket, monkeypatch, caplog):
    rmtree = fileio.rmtree

    def refuse(path):
        if path.endswith("/4"):
            raise tf.errors.PermissionDeniedError(None, None, "not yours")
        rmtree(path)

    monkeypatch.setattr(fileio, "rmtree", refuse)
    pushed = push(tmp_path, model, keep=1, serving=destination(bucket))
    assert pushed.get_int_custom_property("pushed") == 1
    assert stored(bucket) == {"4", pushed.get_string_custom_property("pushed_version")}
    assert f"{bucket}/serving/4: cannot be pruned" in caplog.text


def test_only_the_executor_is_another(tmp_path):
    component = AtomicPusher(destination(tmp_path), model=channel.Channel(type=standard_artifacts.Model))
    assert component.id == "Pusher"
    assert component.EXECUTOR_SPEC.executor_class is Executor
    with pytest.raises(ValueError, match=r"^keep_versions=0: must be >= 1; set keep_versions$"):
        AtomicPusher(destination(tmp_path), model=channel.Channel(type=standard_artifacts.Model), keep_versions=0)
