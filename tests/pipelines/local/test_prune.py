"""Pruning of an output folder, on runs of a pipeline that are written into a store of ML Metadata by hand."""

import json
import os
import time
from pathlib import Path
from unittest import mock

import ml_metadata
import pytest
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.exported.damage import write_sums
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local import prune as prune_module
from tfx_lm.pipelines.local.output_lock import locked_output
from tfx_lm.pipelines.local.prune import prune
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.preflight import check_airflow
from tfx_lm.pipelines.results.pruned import Pruned

STATE, EXECUTION = mlmd.Artifact.State.Name, mlmd.Execution


class Runs:
    """Writes runs of a pipeline; the folder of each artifact has one file of 1,000 bytes."""

    def __init__(self, output: Path, pipeline: str = "tfx-lm"):
        self.output, self.pipeline = output, pipeline
        (output / "artifacts").mkdir(parents=True, exist_ok=True)
        self.store = ml_metadata.MetadataStore(connection_config(f"sqlite:///{output}/metadata.sqlite"))
        self.of_pipeline = self._context("pipeline", pipeline)

    def _context(self, kind: str, name: str) -> mlmd.Context:
        context_type = self.store.put_context_type(mlmd.ContextType(name=kind))
        found = self.store.get_context_by_type_and_name(kind, name)
        if found is None:
            self.store.put_contexts([mlmd.Context(type_id=context_type, name=name)])
        return self.store.get_context_by_type_and_name(kind, name)

    def add(self, run: str, node: str, made=(), read=(), state=EXECUTION.COMPLETE, version: str = "") -> list[int]:
        """Adds an execution of a node; `made` are ids of cached artifacts, or names of new ones. Returns the ids."""
        execution_type = self.store.put_execution_type(mlmd.ExecutionType(name=node))
        execution = mlmd.Execution(type_id=execution_type, last_known_state=state)
        (execution_id,) = self.store.put_executions([execution])
        ids = [each if isinstance(each, int) else self._make(node, each, execution_id, version) for each in made]
        events = [mlmd.Event(artifact_id=each, execution_id=execution_id, type=mlmd.Event.OUTPUT) for each in ids]
        events += [mlmd.Event(artifact_id=each, execution_id=execution_id, type=mlmd.Event.INPUT) for each in read]
        self.store.put_events(events)
        node_context = self._context("node", f"{self.pipeline}.{node}")
        contexts = [self.of_pipeline, self._context("pipeline_run", run), node_context]
        links = [mlmd.Association(execution_id=execution_id, context_id=context.id) for context in contexts]
        self.store.put_attributions_and_associations([], links)
        return ids

    def _make(self, node: str, key: str, execution_id: int, version: str) -> int:
        folder = self.output / "artifacts" / node / key / str(execution_id)
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(bytes(1000))
        (folder.parents[1] / ".system" / "executor_execution" / str(execution_id)).mkdir(parents=True)
        kind = self.store.put_artifact_type(mlmd.ArtifactType(name=key))
        artifact = mlmd.Artifact(type_id=kind, uri=str(folder), state=mlmd.Artifact.LIVE)
        if version:
            artifact.custom_properties["pushed"].int_value = 1
            artifact.custom_properties["pushed_destination"].string_value = f"{self.output}/serving/{version}"
        return self.store.put_artifacts([artifact])[0]

    def whole(self, run: str, version: str = "", state=EXECUTION.COMPLETE) -> dict[str, int]:
        """A run whose four nodes take nothing from the cache; the Pusher pushes a version, if it gets one."""
        (examples,) = self.add(run, "TextExampleGen", ["examples"])
        (model,) = self.add(run, "Trainer", ["model"], [examples])
        (report,) = self.add(run, "Report", ["report"], [model], state)
        ids = {"examples": examples, "model": model, "report": report}
        if not version:
            self.add(run, "Pusher", [], [model])
        else:
            (ids["pushed"],) = self.add(run, "Pusher", ["pushed_model"], [model], version=version)
            folder = self.output / "serving" / version
            (folder / "variables").mkdir(parents=True)
            for name in ("saved_model.pb", "variables/variables.index"):
                (folder / name).write_text("whole")
            write_sums(str(folder))
        return ids

    def states(self) -> dict[int, str]:
        """The state of each artifact; its files are there if it is live."""
        artifacts = self.store.get_artifacts()
        for artifact in artifacts:
            assert Path(artifact.uri, "file").exists() == (artifact.state == mlmd.Artifact.LIVE), artifact
        return {artifact.id: STATE(artifact.state) for artifact in artifacts}

    def gone(self) -> set[int]:
        return {artifact for artifact, state in self.states().items() if state == "DELETED"}


def configuration(output: Path, *overrides: str, keep_runs: int = 1):
    return load_config(None, ["gate.max_perplexity=100", f"output={output}", f"keep_runs={keep_runs}", *overrides])


@pytest.fixture
def runs(tmp_path) -> Runs:
    return Runs(tmp_path)


def test_the_newest_runs_stay(runs, tmp_path):
    first, second, third = (runs.whole(name) for name in ("1", "2", "3"))
    assert prune(configuration(tmp_path, keep_runs=3)).as_json() == {
        "runs": 0, "artifacts": 0, "backups": 0, "logs": 0, "bytes": 0
    }  # fmt: skip
    assert prune(configuration(tmp_path, keep_runs=2)).as_json() == {
        "runs": 1, "artifacts": 3, "backups": 0, "logs": 0, "bytes": 3000
    }  # fmt: skip
    assert runs.gone() == {*first.values()}
    assert prune(configuration(tmp_path)).artifacts == 3
    assert runs.gone() == {*first.values(), *second.values()}
    left = sorted(int(folder.name) for folder in tmp_path.glob("artifacts/*/.system/*/*"))
    assert len(left) == 3
    assert runs.states().keys() >= set(third.values())


def test_what_a_newer_run_took_from_the_cache_or_read_stays(runs, tmp_path):
    first = runs.whole("1")
    runs.add("2", "TextExampleGen", [first["examples"]], state=EXECUTION.CACHED)
    runs.add("2", "Resolver", [], [first["model"]])
    runs.add("2", "Pusher")
    runs.add("2", "Report", ["report"])
    prune(configuration(tmp_path))
    assert runs.gone() == {first["report"]}


def test_the_run_of_the_served_model_stays_with_the_copies_of_all_versions(runs, tmp_path):
    """Also after a rollback: version 7 is served then, and version 8 was withdrawn."""
    first, second, third = (runs.whole(name, version) for name, version in (("1", "6"), ("2", "7"), ("3", "8")))
    runs.whole("4")
    serving = tmp_path / "serving"
    (serving / "8").rename(serving / "withdrawn-8")
    prune(configuration(tmp_path))
    of_old = {kind: {run[kind] for run in (first, third)} for kind in first}
    assert runs.gone() == of_old["examples"] | of_old["model"] | of_old["report"]
    assert not runs.gone() & {*second.values()}
    (serving / "withdrawn-8" / "saved_model.pb").unlink()
    (serving / "withdrawn-8").rename(serving / "8")
    # Servers cannot load version 8, and go on with version 7.
    prune(configuration(tmp_path))
    assert not runs.gone() & {*second.values()}


def test_a_failed_run_stays_until_a_later_one_ends_well(runs, tmp_path):
    failed, well = runs.whole("1", state=EXECUTION.FAILED), runs.whole("2")
    newest = runs.whole("3", state=EXECUTION.FAILED)
    prune(configuration(tmp_path, keep_runs=5))
    assert runs.gone() == {*failed.values()}
    # The node is tried again.
    runs.add("3", "Report", ["report"], [newest["model"]])
    prune(configuration(tmp_path))
    assert runs.gone() == {*failed.values(), *well.values()}


def test_no_run_ended_well(runs, tmp_path):
    runs.whole("1", state=EXECUTION.FAILED)
    prune(configuration(tmp_path))
    assert runs.gone() == set()


def test_a_run_that_has_not_ended_stays(runs, tmp_path):
    runs.whole("1", state=EXECUTION.RUNNING)
    runs.whole("2")
    prune(configuration(tmp_path))
    assert runs.gone() == set()


def test_other_pipelines_in_the_same_store(runs, tmp_path):
    first, _ = runs.whole("1"), runs.whole("2")
    other = Runs(tmp_path, "other")
    theirs = other.whole("1")
    other.add("1", "Importer", [], [first["model"]])
    prune(configuration(tmp_path))
    assert runs.gone() == {first["examples"], first["report"]}
    assert not runs.gone() & {*theirs.values()}


def test_a_file_that_the_configuration_names_stays(runs, tmp_path):
    first, _ = runs.whole("1"), runs.whole("2")
    (folder,) = (artifact.uri for artifact in runs.store.get_artifacts_by_id([first["model"]]))
    prune(configuration(tmp_path, f"trainer.warm_start={folder}/Format-Serving"))
    assert runs.gone() == {first["examples"], first["report"]}


def test_nothing_outside_of_the_folder_of_artifacts_is_deleted(runs, tmp_path):
    first, _ = runs.whole("1"), runs.whole("2")
    artifacts = runs.store.get_artifacts_by_id([first["examples"], first["model"], first["report"]])
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    link = tmp_path / "artifacts" / "Trainer" / "model" / "link"
    link.symlink_to(kept)
    artifacts[0].uri, artifacts[1].uri, artifacts[2].uri = str(kept), str(link), str(tmp_path / "artifacts" / "Report")
    (tmp_path / "artifacts" / "Report" / "file").touch()
    runs.store.put_artifacts(artifacts)
    assert prune(configuration(tmp_path)).artifacts == 0
    assert runs.gone() == set()


@pytest.mark.parametrize("moment", ["before the files", "after the files"])
def test_a_pruning_that_is_killed_is_finished_by_the_next(runs, tmp_path, monkeypatch, moment):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    first, second = runs.whole("1"), runs.whole("2")
    with monkeypatch.context() as patch:
        if moment == "before the files":
            patch.setattr(prune_module, "_delete", die)
        else:
            mark = prune_module._mark
            patch.setattr(
                prune_module,
                "_mark",
                lambda store, artifacts, state: (
                    die() if state == mlmd.Artifact.DELETED else mark(store, artifacts, state)
                ),
            )
        with pytest.raises(Killed):
            prune(configuration(tmp_path))
    marked = {artifact.id for artifact in runs.store.get_artifacts() if artifact.state != mlmd.Artifact.LIVE}
    assert marked == {*first.values()}
    assert prune(configuration(tmp_path)).artifacts == 3
    assert runs.gone() == {*first.values()}
    assert {runs.states()[artifact] for artifact in second.values()} == {"LIVE"}


def put(file: Path, age: float = 1000) -> Path:
    """Writes a file of 50 bytes that is `age` seconds old, and so is its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(50))
    for path in (file, file.parent):
        os.utime(path, (time.time() - age,) * 2)
    return file


BACKUPS = [
    "training_backup/training-0123456789abcdef.npz",
    "training_backup/.training-0123456789abcdef.npz.0a1b2c3d-deadbeef.unfinished",
    "tuning_backup/search-0123456789abcdef/trial",
    "logs/20260101-120000.log",
]


def test_backups_and_logs_of_before_the_kept_runs(runs, tmp_path):
    old = [put(tmp_path / name) for name in BACKUPS]
    new = [put(tmp_path / name.replace("0", "1"), age=-1000) for name in BACKUPS]
    mine = [
        put(tmp_path / name)
        for name in (
            "logs/notes.log", "logs/20260101-120000.log.gz", "training_backup/best.npz",
            "training_backup/training-1.npz", "tuning_backup/search-mine/trial", "logs/20250101-120000.log/file",
        )
    ]  # fmt: skip
    runs.whole("1")
    pruned = prune(configuration(tmp_path))
    assert pruned.as_json() == {"runs": 0, "artifacts": 0, "backups": 3, "logs": 1, "bytes": 200}
    assert str(pruned) == "Pruned: 0 artifacts of 0 old runs, 3 backups, 1 log: 200 bytes."
    assert not any(file.exists() for file in old)
    assert all(file.exists() for file in [*new, *mine])


def test_backups_and_logs_behind_links_stay(runs, tmp_path):
    files = [put(tmp_path / "elsewhere" / name) for name in BACKUPS]
    for folder in ("training_backup", "tuning_backup", "logs"):
        (tmp_path / folder).symlink_to(tmp_path / "elsewhere" / folder)
    runs.whole("1")
    assert prune(configuration(tmp_path)).as_json()["bytes"] == 0
    assert all(file.exists() for file in files)


def test_backups_and_logs_stay_if_another_pipeline_works_in_the_folder(runs, tmp_path):
    files = [put(tmp_path / name) for name in BACKUPS]
    runs.whole("1")
    Runs(tmp_path, "other").whole("1")
    (problem,) = prune(configuration(tmp_path)).problems
    assert problem.startswith(f"{tmp_path}: its 4 old backups and logs stay, since another pipeline has artifacts")
    assert all(file.exists() for file in files)


def test_partial_runs_push_no_whole_run_out(runs, tmp_path):
    """Those of `--to`, and of a machine that died between two nodes."""
    first = runs.whole("1")
    runs.add("2", "TextExampleGen", ["examples"])
    runs.add("3", "Report", ["report"])
    runs.whole("4")
    runs.add("5", "TextExampleGen", ["examples"])
    prune(configuration(tmp_path, keep_runs=2))
    assert not runs.gone() & {*first.values()}


def test_nodes_of_one_type_count_each(runs, tmp_path):
    """StartingModel failed, and ServedModel, of the same class, ended well after it."""
    first = runs.whole("1")
    start = runs.store.put_execution_type(mlmd.ExecutionType(name="start"))
    second = runs.whole("2")
    for node, state in (("StartingModel", EXECUTION.FAILED), ("ServedModel", EXECUTION.COMPLETE)):
        (execution,) = runs.store.put_executions([mlmd.Execution(type_id=start, last_known_state=state)])
        contexts = [runs.of_pipeline, runs._context("pipeline_run", "2"), runs._context("node", f"tfx-lm.{node}")]
        links = [mlmd.Association(execution_id=execution, context_id=context.id) for context in contexts]
        runs.store.put_attributions_and_associations([], links)
    runs.whole("3")
    prune(configuration(tmp_path, keep_runs=2))
    assert runs.gone() == {*second.values()}
    prune(configuration(tmp_path))
    assert runs.gone() == {*first.values(), *second.values()}


def test_runs_of_another_output_folder_do_not_count(runs, tmp_path):
    first, second = runs.whole("1"), runs.whole("2")
    other = Runs(tmp_path)
    other.output = tmp_path / "other"
    theirs = [other.whole("3"), other.whole("4")]
    other.add("4", "Transform", [first["model"]], state=EXECUTION.CACHED)
    pruned = prune(configuration(tmp_path))
    assert runs.gone() == {first["examples"], first["report"]}
    assert not runs.gone() & {*second.values(), *theirs[0].values(), *theirs[1].values()}
    assert pruned.problems == []


def test_artifacts_outside_of_the_folder_are_named(runs, tmp_path):
    other = Runs(tmp_path)
    other.output = tmp_path / "before"
    (uri, *_) = [each.uri for each in runs.store.get_artifacts_by_id([*other.whole("1").values()])]
    runs.whole("2")
    assert prune(configuration(tmp_path)).problems == [
        f"3 artifacts of name=tfx-lm lie outside of {tmp_path}/artifacts, such as {uri}, and stay; prune the output "
        "folder that they belong to, or delete them by hand (this is said once)"
    ]


def test_artifacts_outside_of_the_folder_are_named_once(runs, tmp_path):
    other = Runs(tmp_path)
    other.output = tmp_path / "before"
    theirs = other.whole("1")
    runs.whole("2")
    first = configuration(tmp_path)
    before = runs.store.get_artifacts_by_id([*theirs.values()])
    assert len(prune(first).problems) == 1
    assert prune(first).problems == []
    # A change would be another key of TFX's cache for the runs there.
    assert runs.store.get_artifacts_by_id([*theirs.values()]) == before
    runs.whole("3")
    assert prune(first).artifacts == 3
    assert prune(first).problems == []
    other.output = tmp_path / "also before"
    newer = other.whole("2a")
    runs.whole("4")
    (model,) = runs.store.get_artifacts_by_id([newer["examples"]])
    (problem,) = prune(first).problems
    assert problem.startswith(f"6 artifacts of name=tfx-lm lie outside of {tmp_path}/artifacts, such as {model.uri}, ")
    assert prune(first).problems == []


def test_many_artifacts_outside_that_were_named_take_no_quadratic_time(tmp_path):
    """To look through a list for each of them would take minutes."""
    root, ids = tmp_path / "artifacts", range(1, 50_001)
    context = mlmd.Context(name="tfx-lm")
    context.custom_properties["named_by_pruning_of"].string_value = json.dumps({str(root): list(ids)})
    store = mock.Mock(get_context_by_type_and_name=lambda kind, name: context)
    pruned = Pruned()
    artifacts = [mlmd.Artifact(id=each, uri=str(tmp_path)) for each in ids]
    prune_module._report_outside(store, artifacts, "tfx-lm", root, pruned)
    assert pruned.problems == []
    store.put_contexts.assert_not_called()


@pytest.mark.parametrize("inside", ["", "/Format-Serving"])
def test_what_another_record_names_stays(runs, tmp_path, inside):
    """An Importer of another pipeline has its own artifact, of the same files."""
    first, _ = runs.whole("1"), runs.whole("2")
    (model,) = runs.store.get_artifacts_by_id([first["model"]])
    runs.store.put_artifacts([mlmd.Artifact(type_id=model.type_id, uri=model.uri + inside, state=mlmd.Artifact.LIVE)])
    prune(configuration(tmp_path))
    states = {each.id: STATE(each.state) for each in runs.store.get_artifacts()}
    assert {each for each, state in states.items() if state == "DELETED"} == {first["examples"], first["report"]}
    assert Path(model.uri, "file").exists()


def test_a_marked_artifact_is_deleted_even_if_its_run_stays_by_now(runs, tmp_path):
    first, _ = runs.whole("1"), runs.whole("2")
    (model,) = runs.store.get_artifacts_by_id([first["model"]])
    model.state = mlmd.Artifact.MARKED_FOR_DELETION
    runs.store.put_artifacts([model])
    prune(configuration(tmp_path, keep_runs=2))
    assert runs.gone() == {first["model"]}


def test_an_empty_serving_folder_does_not_unprotect_the_run_that_pushed(runs, tmp_path):
    first, second, _ = runs.whole("1", "6"), runs.whole("2", "7"), runs.whole("3")
    (tmp_path / "serving").rename(tmp_path / "unmounted")
    prune(configuration(tmp_path))
    assert runs.gone() == {*first.values()}
    assert not runs.gone() & {*second.values()}


@pytest.mark.parametrize("missing", ["artifacts", "artifacts without its disk", "serving", "metadata.sqlite"])
def test_a_folder_that_is_missing_is_not_taken_for_deleted_artifacts(runs, tmp_path, missing):
    runs.whole("1", "6")
    runs.whole("2", "7")
    name = missing.split()[0]
    (tmp_path / name).rename(tmp_path / "away")
    sentence = "is no folder"
    if missing == "serving":
        (tmp_path / name).symlink_to("nowhere")
        sentence = "leads to no folder"
    elif "without" in missing:
        (tmp_path / name).mkdir()
        sentence = "mount the disk"
    elif missing == "metadata.sqlite":
        sentence = "no such file"
    before = {*tmp_path.iterdir()}
    done = command("--output", tmp_path, "--set", "keep_runs=1")
    assert done.exit_code == exit_codes.BAD_INPUT
    assert sentence in done.output
    if "without" not in missing:
        assert {*tmp_path.iterdir()} == before
    (tmp_path / name).rmdir() if "without" in missing else (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "away").rename(tmp_path / name)
    assert {STATE(each.state) for each in Runs(tmp_path).store.get_artifacts()} == {"LIVE"}


def test_a_link_that_was_cleared_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "week [1]"
    config = configuration(folder)
    config.make_link()
    link = Path(config.output_folder())
    runs = Runs(link)
    first, _ = runs.whole("1"), runs.whole("2")
    link.unlink()
    done = command("--output", folder, "--set", "keep_runs=1")
    assert (done.exit_code, runs.gone()) == (0, {*first.values()}), done.output


@pytest.mark.parametrize(
    ("setting", "sentence"), [("name", "has no run of this pipeline, but of tfx-lm;"), ("output", "made anything here")]
)
def test_the_wrong_name_or_output(runs, tmp_path, setting, sentence):
    runs.whole("1")
    output = tmp_path
    more = ["--set", f"metadata=sqlite:///{tmp_path}/metadata.sqlite"]
    if setting == "output":
        output = tmp_path / "other"
        (output / "artifacts").mkdir(parents=True)
    else:
        more += ["--set", "name=other"]
    done = command("--output", output, "--set", "keep_runs=1", *more)
    assert done.exit_code == exit_codes.BAD_INPUT
    assert sentence in done.output
    assert f"{setting}=" in done.output


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied", "serving"), ml_metadata.errors.AbortedError("busy")]
)
def test_the_command_fails_with_a_sentence(runs, tmp_path, monkeypatch, error):
    def fail(_):
        raise error

    monkeypatch.setattr(prune_module, "prune", fail)
    done = command("--output", tmp_path, "--set", "keep_runs=1")
    assert done.exit_code == 1
    assert done.output.startswith("tfx-lm: ")
    assert str(error.args[-1]) in done.output


def test_a_file_that_cannot_be_deleted(runs, tmp_path, monkeypatch):
    first, _ = runs.whole("1"), runs.whole("2")
    (folder,) = (artifact.uri for artifact in runs.store.get_artifacts_by_id([first["model"]]))
    remove = prune_module.shutil.rmtree

    def rmtree(path):
        if str(path) == folder:
            raise PermissionError(13, "Permission denied")
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(prune_module.shutil, "rmtree", rmtree)
        pruned = prune(configuration(tmp_path))
    assert pruned.artifacts == 2
    assert pruned.problems == [
        f"{folder}: cannot be deleted (Permission denied); make it writable, and the next run with keep_runs tries "
        "again"
    ]
    assert prune(configuration(tmp_path)).artifacts == 1
    assert runs.gone() == {*first.values()}


def command(*arguments: object):
    return CliRunner().invoke(cli.main, ["prune", *map(str, arguments), "--set", "gate.max_perplexity=100"])


def test_the_command(runs, tmp_path):
    runs.whole("1")
    runs.whole("2")
    done = command("--output", tmp_path, "--set", "keep_runs=1")
    assert (done.exit_code, done.output) == (
        0, "Pruned: 3 artifacts of 1 old run, 0 backups, 0 logs: 3,000 bytes.\n"
    )  # fmt: skip
    done = command("--output", tmp_path, "--set", "keep_runs=1")
    assert done.output == "Pruned: nothing; no old run has artifacts that nothing newer needs.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "keep_runs: not set; give the number of runs to keep, such as --set keep_runs=3"),
        (["--set", "keep_runs=0"], "keep_runs=0: must be >= 1"),
        (["--set", "keep_runs=-1"], "keep_runs=-1: must be >= 1"),
        (["--set", "keep_runs=1", "--output", "nowhere"], "output=nowhere: no such folder"),
        (["--set", "keep_runs=1", "--output", "gs://bucket/folder"], "output=gs://bucket/folder: a local run needs"),
    ],
)
def test_what_the_command_refuses(arguments, sentence):
    done = command(*arguments)
    assert done.exit_code == exit_codes.BAD_INPUT
    assert sentence in done.output


def test_no_task_of_airflow_prunes(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^keep_runs=1: no task of .* schedule `tfx-lm prune` with"):
        check_airflow(configuration(tmp_path, "data.files=[corpus.txt]"))


def test_the_command_refuses_the_folder_of_a_run_at_work(runs, tmp_path):
    with locked_output(tmp_path):
        done = command("--output", tmp_path, "--set", "keep_runs=1")
    assert done.exit_code == exit_codes.BAD_INPUT
    assert "works in it; wait for its end" in done.output
