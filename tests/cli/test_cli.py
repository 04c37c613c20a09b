"""What the command line refuses before any work: exit code 2 and one clear sentence."""

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.preflight import check_airflow, check_run

GATE = ("--set", "gate.max_perplexity=100")


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(cli.main, ["run", *arguments])
    assert result.exit_code == exit_codes.BAD_INPUT, result.output
    return result.output


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.txt"
    file.write_text("".join(f"line number {number}\n" for number in range(200)))
    return file


def test_no_input():
    assert "data: no input; give --data FILE" in refused(*GATE)


def test_no_file_matched(tmp_path):
    assert "nothing*.txt" in refused(*GATE, "--data", str(tmp_path / "nothing*.txt"))


def test_a_folder_given_as_a_file(tmp_path):
    text = refused(*GATE, "--data", str(tmp_path))
    assert str(tmp_path) in text
    assert "folder" in text or "directory" in text


def test_an_unknown_file_type(tmp_path):
    (tmp_path / "corpus.doc").write_text("hello\n")
    text = refused(*GATE, "--data", str(tmp_path / "corpus.doc"))
    assert "corpus.doc" in text
    assert ".jsonl" in text


def test_an_empty_corpus(tmp_path):
    (tmp_path / "corpus.txt").write_text("\n  \n\n")
    assert "empty" in refused(*GATE, "--data", str(tmp_path / "corpus.txt"))


def test_an_empty_eval_split(tmp_path):
    (tmp_path / "corpus.txt").write_text("the only line\n" * 50)
    text = refused(*GATE, "--data", str(tmp_path / "corpus.txt"))
    assert "split" in text


def test_a_binary_file(tmp_path):
    (tmp_path / "corpus.txt").write_bytes(bytes(range(256)) * 100)
    assert "binary" in refused(*GATE, "--data", str(tmp_path / "corpus.txt"))


def test_an_output_that_cannot_be_written(tmp_path, corpus):
    (tmp_path / "taken").write_text("a file")
    text = refused(*GATE, "--data", str(corpus), "--output", str(tmp_path / "taken"))
    assert "cannot be written" in text
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_pinned_vocabulary_without_the_reserved_tokens(tmp_path, corpus):
    (tmp_path / "words.txt").write_text("the\ncat\n")
    text = refused(*GATE, "--data", str(corpus), "--output", str(tmp_path / "out"),
                   "--set", f"vocabulary.file={tmp_path / 'words.txt'}")  # fmt: skip
    assert "words.txt" in text
    assert "<pad>" in text


@pytest.mark.parametrize(("name", "found"), [("run[1]", "[ ]"), ("a*b", "*"), ("why?", "?")])
def test_an_output_that_is_a_pattern(tmp_path, corpus, monkeypatch, name, found):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / name / "o"

    def config(output):
        return load_config(None, [GATE[1], f"data.files=[{corpus}]"], {"output": str(output)})

    # Twice, since the second run finds the link.
    for _ in range(2):
        check_run(config(folder))
        link = Path(config(folder).output_folder())
        assert link.parent == tmp_path / "cache" / "tfx-lm" / "outputs"
        assert link.readlink() == folder
    with pytest.raises(ConfigurationError) as caught:
        check_airflow(config(folder))
    assert f"contains {found}, which TFX and Beam take for patterns" in str(caught.value)
    assert "make a symbolic link to it, with ln -s, whose path has none" in str(caught.value)
    # As the message says; every other link is followed.
    (tmp_path / "plain").symlink_to(folder)
    (tmp_path / "other").symlink_to(tmp_path)
    for check in (check_run, check_airflow):
        check(config(tmp_path / "plain"))
    assert config(tmp_path / "plain").output_folder() == str(tmp_path / "plain")
    assert config(tmp_path / "other").output_folder() == str(tmp_path)


def test_an_output_whose_link_cannot_be_made(tmp_path, corpus, monkeypatch):
    given = (*GATE, "--data", str(corpus), "--output", str(tmp_path / "o[1]"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "cannot be made (Not a directory); choose a folder without * ? [ ] \\ in its path" in refused(*given)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c*"))
    assert "contains [ ], which TFX and Beam take for patterns" in refused(*given)


@pytest.mark.parametrize("distribution", ["auto", "multi_worker"])
def test_workers_that_nobody_starts(tmp_path, corpus, monkeypatch, distribution):
    cluster = {"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    given = (*GATE, "--data", str(corpus), "--output", str(tmp_path / "o"), "--set")
    text = refused(*given, f"trainer.distribution={distribution}")
    assert "TF_CONFIG names 2 workers (a:2222, b:2222), and `tfx-lm run` starts no workers on other hosts" in text
    assert "workers=2: TF_CONFIG names 2 workers already" in refused(*given, "trainer.workers=2")
    assert "Unset TF_CONFIG" in text
    assert not (tmp_path / "o").exists()
    monkeypatch.delenv("TF_CONFIG")
    assert "trainer.distribution=multi_worker, and `tfx-lm run`" in refused(*given, "trainer.distribution=multi_worker")


def test_more_workers_than_processors(tmp_path, corpus, monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)
    given = (*GATE, "--data", str(corpus), "--output", str(tmp_path / "o"), "--set")
    text = refused(*given, "trainer.workers=4")
    assert "trainer.workers=4: each needs a processor, and this process may use 3; lower trainer.workers" in text
    assert "trainer.workers=0: must be >= 1" in refused(*given, "trainer.workers=0")
    text = refused(*given, "trainer.workers=2", "--set", "trainer.distribution=mirrored")
    assert "trainer.workers=2: trainer.distribution=mirrored trains in one process" in text
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_an_unknown_node(tmp_path, corpus):
    text = refused(*GATE, "--data", str(corpus), "--output", str(tmp_path / "out"), "--from", "Trainr")
    assert "--from Trainr: no such node; the nodes are TextExampleGen," in text


@pytest.mark.slow
def test_a_start_in_the_middle_without_an_earlier_run(tmp_path, corpus):
    text = refused(*GATE, "--data", str(corpus), "--output", str(tmp_path / "out"), "--from", "Evaluator")
    assert "--from Evaluator: the latest run did not make what lies before" in text


def test_an_output_on_object_storage(tmp_path, corpus, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = refused(*GATE, "--data", str(corpus), "--output", "gs://bucket/out")
    assert text == "tfx-lm: output=gs://bucket/out: a local run needs a folder of this machine; set --output\n"
    assert not (tmp_path / "gs:").exists()


def test_a_pinned_vocabulary_on_a_file_system_that_tensorflow_lacks(corpus):
    text = refused(*GATE, "--data", str(corpus), "--set", "vocabulary.file=nowhere://words.txt")
    assert text.startswith("tfx-lm: vocabulary.file=nowhere://words.txt: cannot be read (")


COMPILE = ("compile", "--data", "gs://bucket/corpus.txt", *GATE)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--data", "local.txt"], "data.files: input files on different file systems (/, gs://); copy them"),
        (["--set", "vocabulary.file=nowhere.txt"], "vocabulary file nowhere.txt: does not exist"),
        (
            ["--set", "gate.slices=[text]"],
            "gate.slices.0=text: must be one of 'sentence_length', 'unknown_words' or 'file'",
        ),
        (
            ["--set", "output=gs://bucket/out"],
            "output=gs://bucket/out: ML Metadata cannot be a file there; set metadata",
        ),
    ],
)
def test_compile_for_airflow_refuses(tmp_path, arguments, expected):
    file = tmp_path / "my.json"
    result = CliRunner().invoke(cli.main, [*COMPILE, "--runner", "airflow", "--output", str(file), *arguments])
    assert (result.exit_code, result.output.startswith(f"tfx-lm: {expected}")) == (exit_codes.BAD_INPUT, True), (
        result.output
    )
    assert not file.exists()


def test_compile_for_kubeflow_to_a_file_that_cannot_be_written():
    result = CliRunner().invoke(
        cli.main,
        [*COMPILE, "--runner", "kubeflow", "--output", "/dev/null/my.yaml", "--set", "kubeflow.image=image",
         "--set", "kubeflow.pipeline_root=gs://bucket/root"],
    )  # fmt: skip
    assert result.exit_code == exit_codes.BAD_INPUT, result.output
    assert result.output.startswith("tfx-lm: --output /dev/null/my.yaml: cannot be written (")


def test_an_unknown_key(corpus):
    assert "did you mean trainer.layers?" in refused(*GATE, "--data", str(corpus), "--set", "trainer.layrs=1")


def test_nothing_is_made_when_the_input_is_refused(tmp_path):
    refused(*GATE, "--data", str(tmp_path / "none.txt"), "--output", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [["score"], ["complete"]])
def test_a_model_that_is_not_there(tmp_path, command):
    arguments = [*command, str(tmp_path / "nowhere")] + (["text"] if command == ["complete"] else [])
    result = CliRunner().invoke(cli.main, arguments, input="")
    assert result.exit_code == exit_codes.BAD_INPUT
    assert str(tmp_path / "nowhere") in result.output


def test_a_rollback_needs_two_versions(uniform_model, tmp_path):
    for version in ("10", "11"):
        shutil.copytree(uniform_model, tmp_path / version)
    result = CliRunner().invoke(cli.main, ["rollback", str(tmp_path)])
    assert result.exit_code == 0
    assert result.output == f"Withdrawn: {tmp_path}/withdrawn-11\nThe newest version is now {tmp_path}/10\n"
    result = CliRunner().invoke(cli.main, ["rollback", str(tmp_path)])
    assert result.exit_code == exit_codes.BAD_INPUT
    assert "nothing to roll back to (versions: 10); a rollback needs two" in result.output


def test_a_folder_of_another_user_is_a_sentence(tmp_path, monkeypatch):
    def rollback(destination, to):
        raise PermissionError(13, "Permission denied", f"{destination}/.lock")

    monkeypatch.setattr("tfx_lm.exported.rollback.rollback", rollback)
    result = CliRunner().invoke(cli.main, ["rollback", str(tmp_path)])
    assert result.exit_code == exit_codes.NODE_FAILED
    assert result.output == (
        f"tfx-lm: {tmp_path}/.lock: may not be used by this user (Permission denied); run the command as the user to "
        "whom it belongs, or change its permissions\n"
    )


@pytest.mark.parametrize(("before", "after"), [(0, 0o002), (0o027, 0o027)])
def test_no_file_is_writable_for_everybody(before, after):
    original = os.umask(before)
    try:
        CliRunner().invoke(cli.main, ["--help"])
        assert os.umask(before) == after
    finally:
        os.umask(original)


def test_keras_computes_with_tensorflow_whatever_another_project_has_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    CliRunner().invoke(cli.main, ["score", str(tmp_path / "nowhere")])
    # Of this process and all that it starts.
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(
    "arguments",
    [
        ["compile", "--runner", "airflow", "--output", "PLACE"],
        ["run", "--config", "PLACE"],
        ["run-node", "--node", "Trainer", "--run-id", "1", "--pipeline", "PLACE"],
        ["train-worker", "--run-id", "1", "--pipeline", "PLACE"],
        ["init-metadata", "--pipeline", "PLACE"],
        ["push", "PLACE"],
    ],
)
def test_a_place_that_must_be_on_this_machine(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    place = "gs://bucket/serving"
    result = CliRunner().invoke(cli.main, [place if argument == "PLACE" else argument for argument in arguments])
    option = f"{arguments[-2]} " if arguments[-2].startswith("--") else ""
    assert (result.exit_code, result.output) == (
        exit_codes.BAD_INPUT,
        f"tfx-lm: {option}{place}: is not on this machine; name a place here, and copy the files\n",
    )
    assert not list(tmp_path.iterdir())


def test_a_rollback_in_object_storage_is_done_by_hand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.main, ["rollback", "gs://bucket/serving"])
    assert (result.exit_code, result.output) == (
        exit_codes.BAD_INPUT,
        "tfx-lm: gs://bucket/serving: a rollback works on a local folder only; in object storage, delete "
        "saved_model.pb of the newest version first, which is what servers look for, and then move the rest of its "
        "folder away\n",
    )
    assert not list(tmp_path.iterdir())
