"""Where ML Metadata is kept: URLs, the environment, and who may write at the same time."""

import contextlib
import json
import sqlite3
import subprocess

import ml_metadata as mlmd
import pytest
from click.testing import CliRunner
from helpers.programs import program
from ml_metadata.metadata_store.metadata_store import downgrade_schema
from ml_metadata.proto import metadata_store_pb2
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.metadata.metadata_store import (
    check_sqlite,
    compiled_connection,
    connection_config,
    initialize_store,
    open_store,
    resolve_connection,
)
from tfx_lm.pipelines.metadata.metadata_url import MetadataUrl, parse_metadata_url
from tfx_lm.pipelines.nodes.node_of_run import NodeOfRun


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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:12/34@host/db", "postgresql://me:…@host/db"),
        ("postgresql://me:pa#34@host/db", "postgresql://me:…@host/db"),
        ("postgresql://me:pa@34/db@host/db", "postgresql://me:…@host/db"),
        ("me:pa34@host/db", "me:…@host/db"),
        ("postgresql://me:pa34/db", "postgresql://me:…"),
        ("postgresql://me@cloud:pa34@host/db/x", "postgresql://me@cloud:…"),
        ("postgresql://me@host/db?password=pa34", "postgresql://me@host/db?…"),
        ("postgresql://me@host:99/db?password=pa@34", "postgresql://me@host:…"),
        ("postgresql://me@host:99/db#pa34", "postgresql://me@host:99/db#…"),
        ("postgresql:me:pa34", "postgresql:…"),
    ],
)
def test_a_password_that_is_not_percent_encoded_is_not_shown(url, shown):
    with pytest.raises(ConfigurationError) as caught:
        parse_metadata_url(url, "TFX_LM_METADATA")
    assert str(caught.value).startswith(f"TFX_LM_METADATA={shown}: must be ")
    assert "pa" not in str(caught.value).replace("password", "")
    assert "34" not in str(caught.value)


def test_a_password_stands_in_no_list_of_processes():
    url = "postgresql://me:secret@127.0.0.1:1/mlmd"
    result = CliRunner().invoke(cli.main, ["init-metadata", "--metadata", url])
    assert result.exit_code == exit_codes.BAD_INPUT
    assert "list of processes; leave it out, and put it into TFX_LM_METADATA_PASSWORD" in result.output
    assert "secret" not in result.output


def test_objects_that_hold_a_password_do_not_show_it(tmp_path):
    url = "postgresql://me:secret@host/mlmd"
    node = NodeOfRun(str(tmp_path), "small", "../../run", "Trainer", connection_config(url))
    assert "secret" not in f"{parse_metadata_url(url, 'metadata')} {node} {node.content()}"
    # A run's id decides no path.
    assert node.file().parent == tmp_path / ".running"
    assert node.file().name.startswith("Trainer-")


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
    monkeypatch.setenv("TFX_LM_METADATA", "postgresql://you:secret@elsewhere/mlmd")
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


def test_an_output_on_object_storage_takes_a_store_that_is_named(tmp_path):
    result = CliRunner().invoke(
        cli.main,
        ["compile", "--runner", "airflow", "--output", str(tmp_path / "my.json"), "--data", "gs://bucket/a.txt",
         "--set", "gate.max_perplexity=100", "--set", "metadata=postgresql://me@host/mlmd",
         "--set", "output=gs://bucket/out"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert compiled_connection(tmp_path / "my.json").postgresql.host == "host"


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--output", "x.json"], "data: no input"),
    (["--data", "a.txt", "--output", "/dev/null/x.json"], "/dev/null"),
])  # fmt: skip
def test_compile_refuses(arguments, expected):
    result = CliRunner().invoke(
        cli.main, ["compile", "--runner", "airflow", "--set", "gate.max_perplexity=100", *arguments]
    )
    assert result.exit_code == exit_codes.BAD_INPUT
    assert expected in result.output


def test_the_tables_are_made_once_and_for_all(small_pipeline):
    for _ in range(2):
        result = CliRunner().invoke(cli.main, ["init-metadata", "--pipeline", str(small_pipeline)])
        assert result.exit_code == 0, result.output
    store = mlmd.MetadataStore(compiled_connection(small_pipeline))
    assert store.get_executions() == []
    result = CliRunner().invoke(cli.main, ["init-metadata", "--pipeline", "nowhere.json"])
    assert result.exit_code == exit_codes.BAD_INPUT
    assert "--pipeline nowhere.json: no compiled pipeline" in result.output


def test_an_older_store_is_refused_with_the_command_that_upgrades_it(tmp_path):
    url = f"sqlite:///{tmp_path}/with%20space.sqlite"
    connection = connection_config(url)
    store = mlmd.MetadataStore(connection)
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Thing"))
    store.put_artifacts([metadata_store_pb2.Artifact(type_id=kind, uri="kept")])
    with contextlib.closing(sqlite3.connect(tmp_path / "with space.sqlite")) as database:
        (version,) = database.execute("select schema_version from MLMDEnv").fetchone()
    downgrade_schema(connection, version - 1)

    command = f"tfx-lm init-metadata --metadata {url} --upgrade"
    with pytest.raises(ConfigurationError) as caught:
        initialize_store(connection)
    assert str(caught.value) == (
        f"metadata={url}: its tables are those of an older ML Metadata (schema {version - 1}, this release needs "
        f"{version}); make a copy of them, then run `{command}`"
    )
    refused = CliRunner().invoke(cli.main, command.split()[1:-1])
    assert (refused.exit_code, command in refused.output) == (exit_codes.BAD_INPUT, True)
    upgraded = CliRunner().invoke(cli.main, command.split()[1:])
    assert upgraded.exit_code == 0, upgraded.output
    assert [artifact.uri for artifact in mlmd.MetadataStore(connection).get_artifacts()] == ["kept"]


def test_a_store_that_cannot_be_opened(tmp_path):
    (tmp_path / "metadata.sqlite").write_text("no database")
    damaged = (
        rf"^metadata=sqlite:///{tmp_path}/metadata.sqlite: the file is damaged \(file is not a database\); bring back"
    )
    with pytest.raises(ConfigurationError, match=damaged):
        initialize_store(connection_config(f"sqlite:///{tmp_path}/metadata.sqlite"))
    with pytest.raises(
        ConfigurationError, match=r"^metadata=postgresql://me@127.0.0.1:1/db: cannot be opened"
    ) as caught:
        initialize_store(connection_config("postgresql://me:secret@127.0.0.1:1/db"))
    assert "secret" not in str(caught.value)


def test_a_damaged_sqlite_file_is_refused(tmp_path):
    """ML Metadata would end the process at some of these."""
    file = tmp_path / "metadata.sqlite"
    connection = connection_config(f"sqlite:///{file}")
    initialize_store(connection)
    store = mlmd.MetadataStore(connection)
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Thing"))
    store.put_artifacts([metadata_store_pb2.Artifact(type_id=kind, uri=f"/{number}") for number in range(50)])
    del store
    whole = file.read_bytes()
    half = whole[: len(whole) // 2]
    # A wrong bit in the kind of the last page.
    flipped = bytearray(whole)
    flipped[-4096] ^= 4
    for content, reason in ((half, "malformed"), (bytes(flipped), ".+")):
        file.write_bytes(content)
        with pytest.raises(ConfigurationError, match=rf"the file is damaged \(.*{reason}.*\); .* or move it away"):
            check_sqlite(connection)
    file.write_bytes(whole)
    check_sqlite(connection)
    check_sqlite(connection_config(f"sqlite:///{tmp_path}/none"))


def test_a_store_that_another_program_has_locked(tmp_path):
    def locked(connection, **options):
        # After ML Metadata has tried for 45 seconds.
        raise RuntimeError("Concurrent writes aborted after max number of retries.")

    with pytest.raises(ConfigurationError, match=r"metadata.sqlite: another program has it locked; end that program"):
        open_store(connection_config(f"sqlite:///{tmp_path}/metadata.sqlite"), locked)


@pytest.mark.slow
def test_a_program_that_has_the_store_locked_is_waited_for(tmp_path):
    """ML Metadata tries again, so that no write of ours is lost."""
    file = tmp_path / "metadata.sqlite"
    initialize_store(connection_config(f"sqlite:///{file}"))
    locker = subprocess.Popen(program("lock_sqlite", file, 3), stdout=subprocess.PIPE)
    assert locker.stdout.readline() == b"locked\n"
    done = subprocess.run(program("write_metadata", file, "late"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    locker.communicate(timeout=60)
    assert locker.returncode == 0
    assert len(mlmd.MetadataStore(connection_config(f"sqlite:///{file}")).get_artifacts()) == 25


@pytest.mark.parametrize("arguments", [[], ["--pipeline", "a.json", "--metadata", "sqlite:///b"]])
def test_metadata_is_made_in_one_place(arguments):
    result = CliRunner().invoke(cli.main, ["init-metadata", *arguments])
    assert result.exit_code == 2
    assert "give either --pipeline FILE or --metadata URL" in result.output


@pytest.mark.slow
def test_processes_that_write_to_one_sqlite_file_wait_for_each_other(tmp_path):
    file = tmp_path / "metadata.sqlite"
    writers = [
        subprocess.Popen(program("write_metadata", file, writer), stderr=subprocess.PIPE, text=True)
        for writer in range(4)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    store = mlmd.MetadataStore(connection_config(f"sqlite:///{file}"))
    assert len({artifact.uri for artifact in store.get_artifacts()}) == 100


def test_a_file_below_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert connection_config("sqlite:///~/a.sqlite").sqlite.filename_uri == str(tmp_path.resolve() / "a.sqlite")
