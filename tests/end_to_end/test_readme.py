"""Every command of the README and of the guide, run as it stands there."""

import gzip
import json
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest
import tfx_lm

pytestmark = pytest.mark.slow

ROOT = Path(tfx_lm.__file__).parent
PROGRAMS = Path(sys.executable).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What something else runs, or nothing can run here.
ELSEWHERE = {
    "make demo": "CI",
    "make test": "CI",
    "uv pip install --python AIRFLOW/bin/python --no-deps .": "tests/pipelines/airflow/conftest.py",
    "pip install '.[serve]'": "the environment of the tests has it; tests/packaging/test_extras.py",
    'docker run -p 8501:8501 -v "$PWD/my-model/serving:/models/model" tensorflow/serving': "needs Docker",
}
ELSEWHERE["tfx-lm compile --runner kubeflow --config weekly.yaml --output weekly-kubeflow.yaml"] = (
    "tests/pipelines/kubeflow/test_kubeflow_compile.py"
)
# A token and TLS: tests/server/test_secure_server.py.
ELSEWHERE |= dict.fromkeys(
    (
        "tfx-lm serve my-model/serving --host 0.0.0.0 --token-file token --tls-cert cert.pem --tls-key key.pem",
        'curl --cacert cert.pem -H "Authorization: Bearer $(cat token)" https://HOST:8501/v1/models/model',
    ),
    "tests/server",
)
# Several hosts: tests/faults/test_workers_on_hosts.py.
ELSEWHERE |= dict.fromkeys(
    (
        "tfx-lm train-worker --pipeline dags/my-model.json --run-id ID --worker host1:2222 --worker host2:2222 "
        f"--index {index}"
        for index in (0, 1)
    ),
    "tests/faults",
)
# A search.
ELSEWHERE |= dict.fromkeys(
    (
        "tfx-lm run --data 'corpus/*.txt' --output my-model --set gate.max_perplexity=300 --set tuner.trials=20",
        "tfx-lm run --config my-model/tuned.yaml",
    ),
    "tests/end_to_end/test_local_run.py",
)
# Python snippets that something else runs, by a part of their text.
SNIPPETS_ELSEWHERE = {
    "create_dag(": "tests/pipelines/airflow, which has Airflow's environment",
    "create_recurring_run(": "tests/pipelines/kubeflow/test_kubeflow_compile.py",
    "tfx.components.BulkInferrer(": "tests/components/test_stock_components.py",
    "tfx.components.Evaluator(": "tests/components/test_stock_components.py",
    "KubeflowV2DagRunnerConfig(": "tests/pipelines/kubeflow/test_stock_runner.py",
}


def blocks(language: str) -> list[str]:
    """The fenced blocks of all pages in a language; "" is that of commands."""
    texts = [path.read_text(encoding="utf-8") for path in PAGES]
    fenced = [re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL) for text in texts]
    return [block for page in fenced for name, block in page if name == language]


def corpus(lines: int, seed: int) -> str:
    choose = random.Random(seed).choice
    nouns, verbs, places = ["cat", "dog", "bird", "owl"], ["sees", "hears"], ["at night", "in the old garden"]
    return "".join(
        f"The {choose(nouns)} {choose(verbs)} an old {choose(nouns)} {choose(places)} {number % 97}.\n"
        for number in range(lines)
    )


class Reader:
    """Somebody who types what the pages say, in a folder with texts of their own."""

    def __init__(self, folder: Path, python: Path):
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        # Begins with TFX imported; `test_local_run.py` starts those of an installation.
        own = self.programs / "tfx-lm"
        own.write_text(f'#!/bin/sh\nexec {shlex.join([str(python), str(PROGRAMS / "tfx-lm")])} "$@"\n')
        own.chmod(0o755)
        (folder / "corpus").mkdir()
        (folder / "dags").mkdir()
        (folder / "corpus" / "mine.txt").write_text(corpus(200, 1))
        with gzip.open(folder / "corpus" / "train-1.txt.gz", "wt") as file:
            file.write(corpus(200, 2))
        (folder / "corpus" / "valid.txt").write_text(corpus(60, 3))
        (folder / "text.txt").write_text(corpus(20, 4))
        (folder / "my-model.yaml").write_text(next(block for block in blocks("yaml") if "vocabulary:" in block))
        self.commands = [line for block in blocks("") for line in block.splitlines() if is_command(line)]
        self.run_so_far: list[str] = []

    def type(self, command: str) -> str:
        assert command in self.commands
        self.run_so_far.append(command)
        environment = {"PATH": f"{self.programs}:{PROGRAMS}:/usr/bin:/bin", "HOME": str(self.folder)}
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def is_command(line: str) -> bool:
    return line.split(" ")[0] in ("make", "tfx-lm", "uv", "pip", "curl", "docker", "airflow", "python")


@pytest.fixture(scope="module")
def reader(tmp_path_factory, forked_python) -> Reader:
    return Reader(tmp_path_factory.mktemp("readme"), forked_python)


def test_a_text_of_ones_own(reader):
    reader.type("tfx-lm run --data 'corpus/*.txt' --output my-model --set gate.max_perplexity=300")
    lines = reader.type("tfx-lm score my-model/serving text.txt").splitlines()
    assert len(lines) == 21
    assert json.loads(lines[-1])["perplexity"] < 300
    assert "old" in reader.type('tfx-lm complete my-model/serving "the old"')


def test_a_configuration_and_a_comparison(reader):
    shutil.move(reader.folder / "my-model", reader.folder / "new-model")
    reader.type("tfx-lm run --config my-model.yaml --set trainer.epochs=5")
    summary = json.loads((reader.folder / "my-model" / "summary.json").read_text())
    assert (summary["config"]["name"], summary["pushed_model"] is None) == ("my-model", False)
    assert "bits per byte" in reader.type("tfx-lm compare new-model/serving my-model/serving text.txt").lower()


def test_a_corpus_with_scores(reader):
    scores = json.loads(
        reader.type("tfx-lm bulk-score my-model/serving 'corpus/*.txt' --output filtered --keep 'bits_per_byte < 2'")
    )
    (file,) = (reader.folder / "filtered").glob("scored-*.jsonl.gz")
    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    # The files mine.txt and valid.txt.
    assert (scores["scored"]["lines"], scores["kept"]["lines"]) == (260, len(rows))
    assert rows
    assert all(row["lm_bits_per_byte"] < 2 for row in rows)


def test_the_model_in_python(reader, monkeypatch):
    import tensorflow as tf

    (snippet,) = [block for block in blocks("python") if "saved_model.load" in block]
    (newest,) = (reader.folder / "my-model" / "serving").glob("[0-9]*")
    path = "output/serving/1764000000"
    assert path in snippet
    found = {"tf": tf}
    exec(snippet.replace(path, str(newest)).replace("[[42]]", "[[5]]"), found)
    log_probabilities = found["answer"]["log_probabilities"]
    assert float(tf.reduce_sum(tf.exp(log_probabilities))) == pytest.approx(1.0, rel=1e-4)


def test_the_server(reader):
    command = "tfx-lm serve my-model/serving --port 8501"
    (request,) = [line for line in reader.commands if line.startswith("curl") and " -d " in line]
    assert command in reader.commands
    # Another port than the guide's, which may be taken.
    arguments = [str(reader.programs / "tfx-lm"), *shlex.split(command.replace("8501", "0"))[1:]]
    server = subprocess.Popen(arguments, cwd=reader.folder, stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://[^/]*", server.stdout.readline()).group()
        reader.run_so_far += [command, request]
        curl = shlex.split(request)
        assert (curl[0], curl[2]) == ("curl", "-d")
        with urllib.request.urlopen(curl[1].replace("localhost:8501", url), curl[3].encode()) as response:
            outputs = json.loads(response.read())["outputs"]
        assert len(outputs["words"][0]) == len(outputs["log_probabilities"][0]) == 3
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        server.stdout.close()


def test_what_orchestrators_need(reader):
    reader.type("tfx-lm compile --runner airflow --config my-model.yaml --output dags/my-model.json")
    assert json.loads((reader.folder / "dags" / "my-model.dag.json").read_text())["nodes"]
    (kubeflow,) = [block for block in blocks("yaml") if "kubeflow:" in block]
    settings = (reader.folder / "my-model.yaml").read_text()
    # The section takes the place of the local data.
    without_data = re.sub(r"^data:\n(?:  .*\n)+", "", settings, flags=re.MULTILINE)
    (reader.folder / "my-model.yaml").write_text(without_data + textwrap.dedent(kubeflow))
    reader.type("tfx-lm compile --runner kubeflow --config my-model.yaml --output my-model-kubeflow.yaml")
    assert (reader.folder / "my-model-kubeflow.yaml").stat().st_size > 10_000


def test_a_week(reader):
    for span in (1, 2):
        (reader.folder / "news" / f"week-{span}").mkdir(parents=True)
        (reader.folder / "news" / f"week-{span}" / "mine.txt").write_text(corpus(200, span))
    (reader.folder / "heldout.txt").write_text(corpus(60, 9))
    (settings,) = [block for block in blocks("yaml") if "span_window:" in block]
    (reader.folder / "weekly.yaml").write_text(settings)
    (line,) = blocks("crontab")
    command = line.split(maxsplit=5)[5].replace("/srv/weekly", str(reader.folder))
    command = command.replace("/srv/tfx-lm/.venv/bin", str(reader.programs))
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=900)
    printed = (reader.folder / "weekly.log").read_text()
    # cron would mail what it prints.
    assert (done.stdout, done.stderr) == ("", ""), printed
    assert "Spans read: 1, 2." in printed
    assert "No drift is measured: no model of other text is served yet." in printed
    read = [{"span": span, "version": None, "date": None} for span in (1, 2)]
    assert json.loads((reader.folder / "weekly" / "summary.json").read_text())["spans"] == read
    reader.type("tfx-lm run --config weekly.yaml --set data.span_window=1 --set 'data.spans=[1, 2]'")
    summary = json.loads((reader.folder / "weekly" / "summary.json").read_text())
    assert summary["spans"] == read
    states = {node["id"]: node["state"] for node in summary["nodes"]}
    # The report shows the configuration, which is another one.
    assert {node for node, state in states.items() if state != "CACHED"} == {"Report"}
    assert reader.type("tfx-lm prune --config weekly.yaml --set keep_runs=8").startswith("Pruned: nothing; ")
    serving = reader.folder / "weekly" / "serving"
    (newest,) = serving.glob("[0-9]*")
    shutil.copytree(newest, serving / "1")
    assert newest.name in reader.type("tfx-lm rollback weekly/serving")
    reader.type("tfx-lm compile --runner airflow --config weekly.yaml --output dags/weekly.json")
    assert json.loads((reader.folder / "dags" / "weekly.dag.json").read_text())["parameters"]["data_spans"] == ""


def test_a_rollback(reader):
    serving = reader.folder / "my-model" / "serving"
    (newest,) = serving.glob("[0-9]*")
    shutil.copytree(newest, serving / "1")
    assert newest.name in reader.type("tfx-lm rollback my-model/serving")
    assert [folder.name for folder in serving.glob("[0-9]*")] == ["1"]


def test_nothing_was_left_out(reader):
    assert sorted(reader.commands) == sorted([*reader.run_so_far, *ELSEWHERE])


def test_no_snippet_was_left_out():
    others = [block for block in blocks("python") if "saved_model.load" not in block]
    assert [block for block in others if not any(part in block for part in SNIPPETS_ELSEWHERE)] == []
