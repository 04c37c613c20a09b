"""Where ML Metadata is kept: URLs, the environment, and who may write at the same time."""

import json
import subprocess
import sys

import ml_metadata as mlmd
import pytest
from click.testing import CliRunner
from tfx_lm.pipelines import cli
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.metadata_store import compiled_connection, connection_config, resolve_connection
from tfx_lm.pipelines.metadata_url import MetadataUrl, parse_metadata_url


def test_the_docstrings_example():
    assert parse_metadata_url("postgresql://me@db.example/mlmd", "metadata") == MetadataUrl(
        kind="postgresql", host="db.example", port=5432, user="me", database="mlmd", password=""
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///a/b.sqlite", MetadataUrl("sqlite", "a/b.sqlite")),
        ("sqlite:////a/b%20c.sqlite", MetadataUrl("sqlite", "/a/b c.sqlite")),
        ("mysql://u:p%40ss@host/db", MetadataUrl("mysql", "db", "host", 3306, "u", "p@ss")),
        ("postgresql://u@[::1]:99/db", MetadataUrl("postgresql", "db", "::1", 99, "u", "")),
    ],
)
def test_urls(url, expected):
    assert parse_metadata_url(url, "metadata") == expected


@pytest.mark.parametrize(
    "url",
    ["", "file.sqlite", "sqlite://file", "sqlite:///", "oracle://u@h/d", "mysql://h/d", "mysql://u@h", "mysql://u@/d",
     "mysql://u@h:port/d", "postgresql://u@h/d?sslmode=require"],
)  # fmt: skip
def test_what_is_no_url_of_metadata(url):
    with pytest.raises(ConfigurationError, match=r"^TFX_LM_METADATA.*(must be|postgresql://)"):
        parse_metadata_url(url, "TFX_LM_METADATA")


def test_no_error_shows_a_password():
    with pytest.raises(ConfigurationError) as caught:
        parse_metadata_url("postgresql://me:secret@host", "TFX_LM_METADATA")
    assert "secret" not in str(caught.value)
    assert "me:…@host" in str(caught.value)


def test_a_configuration_names_the_store_but_holds_no_password():
    gate = "gate.max_perplexity=100"
    assert load_config(None, [gate, "output=/tmp/a b"]).metadata_url() == "sqlite:////tmp/a%20b/metadata.sqlite"
    url = "metadata=postgresql://me@host/mlmd"
    assert load_config(None, [gate, url]).metadata_url() == "postgresql://me@host/mlmd"
    with pytest.raises(ConfigurationError, match="holds no password; put it into TFX_LM_METADATA_PASSWORD") as caught:
        load_config(None, [gate, "metadata=postgresql://me:secret@host/mlmd"])
    assert "secret" not in str(caught.value)


def test_the_environment_wins_and_brings_the_password(monkeypatch):
    compiled = connection_config("mysql://me@host/mlmd")
    assert resolve_connection(compiled) == compiled
    monkeypatch.setenv("TFX_LM_METADATA_PASSWORD", "secret")
    resolved = resolve_connection(compiled)
    assert (resolved.mysql.password, resolved.mysql.port, compiled.mysql.password) == ("secret", 3306, "")
    monkeypatch.setenv("TFX_LM_METADATA", "postgresql://you:other@elsewhere/db")
    resolved = resolve_connection(compiled)
    assert (resolved.postgresql.host, resolved.postgresql.port) == ("elsewhere", "5432")
    assert (resolved.postgresql.dbname, resolved.postgresql.password) == ("db", "other")


def test_compile_writes_pipeline_and_graph_without_a_password(tmp_path, monkeypatch):
    monkeypatch.setenv("TFX_LM_METADATA_PASSWORD", "secret")
    file = tmp_path / "made" / "my.json"
    result = CliRunner().invoke(
        cli.main,
        ["compile", "--runner", "airflow", "--output", str(file), "--data", "nowhere.txt", "--set",
         "gate.max_perplexity=100", "--set", "metadata=postgresql://me@host/mlmd", "--set", f"output={tmp_path}"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert compiled_connection(file).postgresql.user == "me"
    dag = json.loads(file.with_name("my.dag.json").read_text())
    upstream = {node["id"]: node["upstream"] for node in dag["nodes"]}
    assert upstream["TextExampleGen"] == []
    assert upstream["StatisticsGen"] == ["TextExampleGen"]
    assert {"ServingCheck", "Evaluator"} <= set(upstream["Pusher"])
    assert all("secret" not in path.read_text() for path in file.parent.iterdir())


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--output", "x.json"], "data: no input"),
    (["--data", "a.txt", "--output", "/dev/null/x.json"], "/dev/null"),
])  # fmt: skip
def test_compile_refuses(arguments, expected):
    result = CliRunner().invoke(
        cli.main, ["compile", "--runner", "airflow", "--set", "gate.max_perplexity=100", *arguments]
    )
    assert result.exit_code == cli.BAD_INPUT
    assert expected in result.output


def test_the_tables_are_made_once_and_for_all(small_pipeline):
    for _ in range(2):
        result = CliRunner().invoke(cli.main, ["init-metadata", "--pipeline", str(small_pipeline)])
        assert result.exit_code == 0, result.output
    store = mlmd.MetadataStore(compiled_connection(small_pipeline))
    assert store.get_executions() == []
    result = CliRunner().invoke(cli.main, ["init-metadata", "--pipeline", "nowhere.json"])
    assert result.exit_code == cli.BAD_INPUT
    assert "--pipeline nowhere.json: no compiled pipeline" in result.output


WRITER = """
import sys
import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.pipelines.metadata_store import SerialSqlite, connection_config
connection = connection_config(f"sqlite:///{sys.argv[1]}")
for index in range(25):
    lock = SerialSqlite(connection)
    lock.acquire()
    store = mlmd.MetadataStore(connection)
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Thing"))
    store.put_artifacts([metadata_store_pb2.Artifact(type_id=kind, uri=f"{sys.argv[2]}/{index}")])
    lock.release()
"""


def test_processes_that_write_to_one_sqlite_file_wait_for_each_other(tmp_path):
    file = tmp_path / "metadata.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(writer)], stderr=subprocess.PIPE, text=True)
        for writer in range(4)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    store = mlmd.MetadataStore(connection_config(f"sqlite:///{file}"))
    assert len({artifact.uri for artifact in store.get_artifacts()}) == 100
