"""`tfx-lm push`: pushes the newest run's model again, and its refusals."""

import contextlib
import json

import pytest
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.exported.damage import write_sums
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local import push_again
from tfx_lm.pipelines.local.push_again import _push
from tfx_lm.pipelines.metadata.metadata_store import connection_config, initialize_store


def save(folder, content):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_text(content)
    (folder / "variables" / "variables.index").write_text(content)
    write_sums(str(folder))


class Records:
    """Records of a run that pushed version 7, compared with another version or with none."""

    def __init__(self, output, compared=""):
        self.pushed, self.baseline = metadata_store_pb2.Artifact(), metadata_store_pb2.Artifact()
        self.pushed.uri = str(output / "copy")
        self.pushed.custom_properties["pushed"].int_value = 1
        self.pushed.custom_properties["pushed_destination"].string_value = str(output / "serving" / "7")
        self.baseline.custom_properties["served_model"].string_value = compared
        self.updated = None

    def output(self, node_id, key):
        return {"Pusher": self.pushed, "Baseline": self.baseline}[node_id]

    def state(self, node_id):
        return "CACHED"

    def update(self, artifact):
        self.updated = artifact


@pytest.fixture
def output(tmp_path):
    save(tmp_path / "copy", "the model")
    return tmp_path


def push(output, records):
    config = load_config(None, ["gate.max_perplexity=100", f"output={output}"])
    gone = f"{output}/serving/7, which the Pusher pushed, is gone"
    return _push(output, config, {"run_id": "r", "warnings": [gone, "another"]}, records)


def test_a_version_that_is_gone_is_pushed_again(output):
    records = Records(output)
    version = push(output, records)
    assert version.parent == output / "serving"
    assert (version / "saved_model.pb").read_text() == "the model"
    assert records.updated.custom_properties["pushed_destination"].string_value == str(version)
    summary = json.loads((output / "summary.json").read_text())
    assert summary["pushed_model"] == str(version)
    assert summary["warnings"] == ["another"]


def test_a_version_that_is_damaged_is_pushed_again(output):
    save(output / "serving" / "7", "the model")
    (output / "serving" / "7" / "saved_model.pb").write_text("the mode")
    assert (push(output, Records(output)) / "saved_model.pb").read_text() == "the model"


def test_a_damaged_copy_is_not_pushed(output):
    (output / "copy" / "saved_model.pb").write_text("the mode")
    with pytest.raises(
        ConfigurationError, match=r"copy: the copy .* is damaged: saved_model.pb has changed .*; run `tfx"
    ):
        push(output, Records(output))
    assert not (output / "serving").exists()


def test_a_version_that_was_rolled_back_is_pushed_again_beside_the_one_it_was_compared_with(output):
    save(output / "serving" / "5", "older")
    save(output / "serving" / "withdrawn-7", "the model")
    version = push(output, Records(output, str(output / "serving" / "5")))
    assert int(version.name) > 7


def test_the_served_model_must_be_the_compared_one_also_under_the_same_number(output):
    save(output / "serving" / "5", "older")
    records = Records(output, str(output / "serving" / "5"))
    records.baseline.custom_properties["served_digest"].string_value = "0123"
    with pytest.raises(ConfigurationError, match=r"newest run, r: \S+/5 holds another model than the one that was"):
        push(output, records)


def test_another_served_model_must_be_compared_first(output):
    save(output / "serving" / "9", "never compared")
    with pytest.raises(
        ConfigurationError, match=r"newest run, r: .*/9 is served now, but the model was compared with none; .* Run the"
    ):
        push(output, Records(output))


def test_a_version_that_is_there_is_not_pushed_again(output):
    save(output / "serving" / "7", "the model")
    with pytest.raises(ConfigurationError, match=r"/7, the model of its newest run, is there; nothing was done"):
        push(output, Records(output))


def test_a_run_that_pushed_nothing(output):
    records = Records(output)
    records.pushed.custom_properties["pushed"].int_value = 0
    with pytest.raises(ConfigurationError, match="its newest run, r, pushed nothing"):
        push(output, records)


def test_a_run_that_ended_before_the_lock_was_had_is_the_newest(output, monkeypatch):
    config = {"gate": {"max_perplexity": 100}}

    def write_summary(run_id):
        (output / "summary.json").write_text(json.dumps({"config": config, "run_id": run_id}))

    @contextlib.contextmanager
    def locked_output(folder):
        write_summary("newer")
        yield

    monkeypatch.setattr(push_again, "locked_output", locked_output)
    (output / "metadata.sqlite").touch()
    monkeypatch.setattr(push_again, "open_store", lambda connection: None)
    monkeypatch.setattr(push_again, "RunRecords", lambda store, pipeline, run_id: KnownRun(run_id))
    monkeypatch.setattr(push_again, "_push", lambda output, config, summary, records: (summary["run_id"], records))
    write_summary("older")
    assert push_again.push_again(output) == ("newer", "newer")


@pytest.mark.parametrize("without_effect", ["drift", "kubeflow", "data"])
def test_a_summary_of_an_earlier_release_may_have_settings_without_effect(output, without_effect):
    """They are refused today."""
    config = {"gate": {"max_perplexity": 100}, "vocabulary": {"kind": "subwords"}}
    config |= {
        "drift": {"drift": {"max_unknown_rise": 0.1, "max_tokens_change": 0.5}},
        "kubeflow": {"kubeflow": {"another": 1}},
        "data": {"data": {"splits": {"train": "a", "eval": "b"}, "eval_percent": 10}},
    }[without_effect]
    (output / "summary.json").write_text(json.dumps({"config": config, "run_id": "r"}))
    _, read = push_again._newest_run(output)
    assert read.drift.max_unknown_rise is None
    assert read.drift.max_tokens_change == config.get("drift", {}).get("max_tokens_change")


def test_the_rise_of_unknown_words_is_read_if_the_vocabulary_holds_words(output):
    config = {"gate": {"max_perplexity": 100}, "drift": {"max_unknown_rise": 0.1}}
    (output / "summary.json").write_text(json.dumps({"config": config, "run_id": "r"}))
    assert push_again._newest_run(output)[1].drift.max_unknown_rise == 0.1


class KnownRun(str):
    """The id of a run that ML Metadata knows."""

    def is_known(self):
        return True


def test_ml_metadata_that_does_not_know_the_run(output, monkeypatch):
    (output / "summary.json").write_text(json.dumps({"config": {"gate": {"max_perplexity": 100}}, "run_id": "r"}))
    file = output / "elsewhere" / "metadata.sqlite"
    monkeypatch.setenv("TFX_LM_METADATA", f"sqlite:///{file}")
    with pytest.raises(
        ConfigurationError, match=r"elsewhere/metadata.sqlite: no such file, .*; set TFX_LM_METADATA to"
    ):
        push_again.push_again(output)
    assert not file.parent.exists()
    initialize_store(connection_config(f"sqlite:///{file}"))
    remedy = rf"has no record of run r; set TFX_LM_METADATA to the URL that run r, the newest in {output}, had$"
    with pytest.raises(ConfigurationError, match=remedy):
        push_again.push_again(output)


def test_a_folder_that_is_no_output(tmp_path):
    result = CliRunner().invoke(cli.main, ["push", str(tmp_path)])
    assert result.exit_code == exit_codes.BAD_INPUT
    assert (
        f"{tmp_path}: has no summary.json, which `tfx-lm run` writes; give the output folder of a run" in result.output
    )
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_of_an_orchestrator_or_of_a_run_that_was_cut_short(tmp_path):
    (tmp_path / "artifacts").mkdir()
    with pytest.raises(ConfigurationError) as refused:
        push_again.push_again(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: has no summary.json, which `tfx-lm run` writes at its end, and orchestrators do not; if "
        "`tfx-lm run` was cut short here, run it again; on Airflow, clear the task Pusher of the newest run, which "
        "then pushes its model again"
    )


def test_a_folder_within_an_output(tmp_path):
    (tmp_path / "summary.json").touch()
    (tmp_path / "serving" / "7").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=f"; give the output folder itself, {tmp_path}$"):
        push_again.push_again(tmp_path / "serving" / "7")
