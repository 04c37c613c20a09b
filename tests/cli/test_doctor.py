"""`tfx-lm doctor`: what it prints, and with what it ends."""

import json
import socket

import pytest
from click.testing import CliRunner
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.pipelines.doctor import diagnosis

SEEN = {
    "devices": [{"name": "CPU:0"}, {"name": "GPU:0", "device_name": "Some GPU", "compute_capability": "(9, 0)"}],
    "cuda": {"cuda": "12.3", "cudnn": "8"},
    "choices": {"trainer.distribution": {"value": "one_device", "reason": "TensorFlow sees one GPU"}},
    "lstm": {"cudnn": True, "eligible": True, "obstacles": []},
    "problem": None,
}


@pytest.fixture
def asked(monkeypatch):
    """The options that TensorFlow was asked with; it sees a GPU."""
    options = []

    def answer(trainer):
        options.append(trainer)
        return SEEN

    monkeypatch.setattr(diagnosis, "ask_tensorflow", answer)
    # Whatever else runs on this machine.
    monkeypatch.setattr(diagnosis, "port_problem", lambda address: None)
    monkeypatch.setattr(diagnosis, "missing_for", lambda extra: [])
    monkeypatch.setattr(diagnosis, "_unseen_accelerators", lambda devices, tensorflow: [])
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return options


def doctor(*arguments: str):
    return CliRunner().invoke(cli.main, ["doctor", *arguments])


def test_a_machine_that_lacks_nothing(asked):
    result = doctor()
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "Nothing that `tfx-lm run` needs of this machine is missing."
    text = " ".join(result.output.replace("│", " ").replace("|", " ").split())
    assert "GPU:0 (device_name Some GPU, compute_capability (9, 0))" in text
    assert "LSTM runs as cuDNN's kernel" in text
    assert "trainer.distribution one_device TensorFlow sees one GPU" in text
    assert "beam.runner direct the default" in text


def test_json(asked):
    result = doctor("--json", "--set", "gate.max_perplexity=9", "--set", "trainer.units=7", "--set", "output=o")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert list(found) == ["schema", "machine", "choices", "problems", "warnings"]
    assert asked[0].units == 7
    assert found["choices"]["beam.runner"] == {"value": "direct", "reason": "the default"}
    assert found["machine"]["devices"] == SEEN["devices"]
    assert found["machine"]["disks"]["output"]["folder"] == "o"
    assert found["machine"]["ports"]["tfx-lm serve"]["address"] == "127.0.0.1:8501"


def test_a_folder_that_cannot_be_written(asked, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "file" / "folder"))
    result = doctor()
    assert result.exit_code == exit_codes.NOT_READY
    problem = (
        f"problem: TMPDIR={tmp_path}/file/folder: cannot be written (Not a directory); set TMPDIR to another folder"
    )
    assert problem in result.output.splitlines()


def test_an_output_folder_elsewhere(asked):
    result = doctor(
        "--json", "--set", "gate.max_perplexity=9", "--set", "output=gs://bucket/o", "--set", "beam.runner=direct"
    )
    assert result.exit_code == exit_codes.NOT_READY
    answer = json.loads(result.output)
    assert answer["problems"] == ["output=gs://bucket/o: a local run needs a folder of this machine; set --output"]
    assert list(answer["machine"]["disks"]) == ["TMPDIR"]
    assert answer["choices"]["beam.runner"]["reason"] == "the configuration sets it"


def test_ml_metadata(asked, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    url = "metadata=sqlite:///~/records/metadata.sqlite"
    answer = json.loads(doctor("--json", "--set", "gate.max_perplexity=9", "--set", url).output)
    assert (answer["machine"]["disks"]["metadata"]["folder"], answer["problems"]) == (f"{tmp_path}/records", [])
    (tmp_path / "records").touch()
    problems = json.loads(doctor("--json", "--set", "gate.max_perplexity=9", "--set", url).output)["problems"]
    assert problems == [
        f"metadata={tmp_path}/records: cannot be written (Not a directory); set metadata, or TFX_LM_METADATA, to "
        "another URL"
    ]
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("TFX_LM_METADATA", f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/runs")
        assert doctor("--set", "gate.max_perplexity=9").exit_code == 0
        port = server.getsockname()[1]
    result = doctor("--json", "--set", "gate.max_perplexity=9")
    assert (result.exit_code, json.loads(result.output)["problems"]) == (
        exit_codes.NOT_READY,
        [
            f"TFX_LM_METADATA: no connection to postgresql at 127.0.0.1:{port} (Connection refused); start the server, "
            "or name another one"
        ],
    )
    monkeypatch.setenv("TFX_LM_METADATA", "metadata.sqlite")
    result = doctor("--json", "--set", "gate.max_perplexity=9")
    assert json.loads(result.output)["problems"][0].startswith("TFX_LM_METADATA=metadata.sqlite: must be sqlite:///")


def data_of(*arguments: str):
    """The exit code, what is known of the input files, and the problems."""
    result = doctor("--json", "--set", "gate.max_perplexity=9", *arguments)
    answer = json.loads(result.output)
    return result.exit_code, answer["machine"]["data"], answer["problems"]


def test_the_input_files_of_a_configuration(asked, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("".join(f"line {number}\n" for number in range(100)))
    (tmp_path / "c.txt").write_bytes("a\n".encode("utf-16"))
    assert data_of() == (0, None, [])
    found = {"files": 2, "bytes": 2 * 790, "elsewhere": []}
    assert data_of("--data", f"{tmp_path}/[ab].txt") == (0, found, [])
    there = "--data", "gs://bucket/*.txt"
    assert data_of(*there) == (0, {"files": 0, "bytes": 0, "elsewhere": ["gs://bucket/*.txt"]}, [])
    code, data, (problem,) = data_of("--data", f"{tmp_path}/nothing*.txt")
    assert (code, data) == (exit_codes.NOT_READY, None)
    assert problem == f"data.files: no file matches {tmp_path}/nothing*.txt"
    code, data, (problem,) = data_of("--data", f"{tmp_path}/*.txt")
    assert (code, data) == (exit_codes.NOT_READY, None)
    assert problem.startswith(f"{tmp_path}/c.txt: ")
    assert "iconv -f UTF-16" in problem
    shown = [(there, "data gs://bucket/*.txt is looked at by the nodes alone")]
    shown.append((("--data", f"{tmp_path}/[ab].txt"), "data files that can be read: 2, 0.0 MB"))
    for given, row in shown:
        output = doctor("--set", "gate.max_perplexity=9", *given).output
        assert row in " ".join(output.replace("│", " ").replace("|", " ").split())


def test_packages_that_are_missing(asked, monkeypatch):
    monkeypatch.setattr(diagnosis, "stack_versions", lambda: {"tfx": None, "tensorflow": "2"})
    result = doctor()
    assert result.exit_code == exit_codes.NOT_READY
    assert result.output.splitlines()[-1] == ("problem: not installed: tfx; pip install tfx-lm, in a new environment")
    assert asked == []


def test_workers_that_a_run_does_not_start(asked, monkeypatch):
    cluster = {"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    result = doctor()
    assert result.exit_code == exit_codes.NOT_READY
    assert "problem: TF_CONFIG names 2 workers (a:2222, b:2222), and `tfx-lm run` starts no workers" in result.output


def test_a_port_that_is_taken_is_a_warning():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert diagnosis.port_problem(address) == "Address already in use"
    assert diagnosis.port_problem(address) is None


def test_a_bad_configuration(asked):
    result = doctor("--set", "gate.max_perplexity=9", "--set", "trainer.unit=7")
    assert result.exit_code == exit_codes.BAD_INPUT
    assert "did you mean trainer.units?" in result.output
    assert asked == []
