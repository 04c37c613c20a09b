"""A real Airflow for the tests: an environment of its own, a scheduler with LocalExecutor, PostgreSQL on loopback."""

import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from helpers.free_ports import free_ports
from helpers.locks import locked
from helpers.programs import program

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
VERSIONS = [2, 3] if sys.version_info < (3, 13) else [3]  # Airflow 2 has no release for Python 3.13.


def airflow_environment(version: int, uv) -> Path:
    """The folder of programs of an environment with Airflow and this package, without TFX; made once."""
    folder = ROOT / ".cache" / f"airflow-{version}-python{sys.version_info.major}.{sys.version_info.minor}"
    folder.parent.mkdir(exist_ok=True)
    # Another worker process may need it at the same time, and the build of the package writes into the checkout.
    with locked(ROOT / ".cache" / "airflow.lock"):
        make_environment(HERE / f"airflow-{version}.txt", folder, uv)
    return folder / "bin"


def make_environment(requirements: Path, folder: Path, uv) -> None:
    wanted = hashlib.sha256(requirements.read_bytes() + str(ROOT).encode()).hexdigest()
    stamp = folder / "made-of"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    python = folder / "bin" / "python"
    uv("venv", "--clear", "--python", getattr(sys, "_base_executable", sys.executable), folder)
    uv("pip", "install", "--python", python, "-r", requirements)
    uv("pip", "install", "--python", python, "--no-deps", "-e", ROOT)
    stamp.write_text(wanted)


def clean_environment() -> dict[str, str]:
    """This process's environment, without what concerns another Airflow, and with byte code kept."""
    others = ("AIRFLOW", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)}


@pytest.fixture(scope="module")
def airflow_programs(request, uv) -> Path:
    """The folder of programs of the Airflow whose version is the parameter."""
    return airflow_environment(request.param, uv)


@dataclass
class Airflow:
    """Airflow's programs, its folder, and what its database says."""

    version: int
    programs: Path
    home: Path
    database: str
    postgresql: Any
    environment: dict[str, str]
    commands: subprocess.Popen[str]
    port: int
    services: list[tuple[subprocess.Popen, Path]] = field(default_factory=list)

    def command(self, *arguments: str) -> str:
        """Runs a command of Airflow's command line; returns what it prints."""
        assert self.commands.stdin is not None
        assert self.commands.stdout is not None
        self.commands.stdin.write(json.dumps(arguments) + "\n")
        self.commands.stdin.flush()
        code, printed = json.loads(self.commands.stdout.readline())
        assert code == 0, printed
        return printed

    def serve(self) -> None:
        """Starts what runs the DAGs."""
        self.start("scheduler", "--skip-serve-logs")
        if self.version >= 3:
            # The tasks' part of the server, without pages and users.
            self.start("api-server", "--port", str(self.port), "--host", "127.0.0.1", "--apps", "execution")
            self.start("dag-processor")

    def wait_for_dags(self, dags: set[str], seconds: float = 600.0) -> None:
        """Waits until Airflow knows these DAGs."""
        deadline = time.monotonic() + seconds
        while dags - {dag for (dag,) in self.postgresql.query(self.database, "select dag_id from serialized_dag")}:
            assert time.monotonic() < deadline, [log.read_text()[-2000:] for _, log in self.services]
            time.sleep(0.5)

    def start(self, *arguments: str) -> None:
        log = self.home / f"{arguments[0]}.out"
        with log.open("w") as output:
            process = subprocess.Popen(
                [self.programs / "airflow", *arguments], env=self.environment, cwd=self.home, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.services.append((process, log))

    def stop(self) -> None:
        processes = [self.commands, *(process for process, _ in self.services)]
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()

    def trigger(self, dag: str, run_id: str, **conf: str) -> None:
        self.command("dags", "trigger", dag, "--run-id", run_id, "--conf", json.dumps(conf))

    def task_states(self, dag: str, run_id: str) -> dict[str, str]:
        sql = f"select task_id, state from task_instance where dag_id = '{dag}' and run_id = '{run_id}'"
        return dict(self.postgresql.query(self.database, sql))

    def wait_for(self, dag: str, run_id: str, seconds: float = 1200.0) -> str:
        """Waits until a run has ended; returns its state."""
        deadline = time.monotonic() + seconds
        sql = f"select state from dag_run where dag_id = '{dag}' and run_id = '{run_id}'"
        while True:
            ((state,),) = self.postgresql.query(self.database, sql)
            if state in ("success", "failed"):
                return state
            for process, log in self.services:
                assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"{run_id} is {state}: {self.task_states(dag, run_id)}"
            time.sleep(0.5)

    def log(self, dag: str, run_id: str, task: str) -> str:
        """What a task has printed, in all its tries."""
        logs = sorted((self.home / "logs" / f"dag_id={dag}" / f"run_id={run_id}" / f"task_id={task}").glob("*.log"))
        return "".join(path.read_text(errors="replace") for path in logs)

    def timing(self, dag: str, run_id: str) -> dict[str, tuple[float, float]]:
        """By node, seconds: from when it could begin until Airflow knew its end; and of that, its own work."""
        sql = (
            "select task_id, extract(epoch from start_date), extract(epoch from end_date) from task_instance "
            f"where dag_id = '{dag}' and run_id = '{run_id}'"
        )
        times = {task: (float(start), float(end)) for task, start, end in self.postgresql.query(self.database, sql)}
        graph = json.loads((self.home / "dags" / f"{dag}.dag.json").read_text())
        timing = {}
        for node in graph["nodes"]:
            ready = max(times[name][1] for name in node["upstream"] or ["init_metadata"])
            (own,) = re.findall(rf"{node['id']}: [A-Z]+ after ([0-9.]+) s", self.log(dag, run_id, node["id"]))
            timing[node["id"]] = times[node["id"]][1] - ready, float(own)
        return timing


def pytest_generate_tests(metafunc):
    """One round of tests for each version that this Python can run."""
    for name in ("airflow", "airflow_programs"):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, VERSIONS, indirect=True, scope="module", ids=lambda version: f"airflow{version}")


@pytest.fixture(scope="module")
def free_port():
    with free_ports(1) as (port,):
        yield port


@pytest.fixture(scope="module")
def airflow(request, postgresql, free_port, uv, tmp_path_factory):
    """An Airflow whose folder of DAGs is empty; `serve` starts its services, best when the DAGs are there."""
    version = request.param
    programs = airflow_environment(version, uv)
    home = tmp_path_factory.mktemp(f"airflow{version}")
    (home / "dags").mkdir()
    database = f"airflow{version}"
    postgresql.query("postgres", f"create database {database}")
    settings = {
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__PARALLELISM": "4",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
        "DATABASE__SQL_ALCHEMY_CONN": postgresql.url(database, "postgresql+psycopg2"),
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        # A DAG's file does not change, so it is read once.
        "SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "3600",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        # Airflow 3's tasks talk to this server; where its port is not the usual one, both must be said.
        "API__PORT": str(free_port),
        "API__HOST": "127.0.0.1",
        "API__WORKERS": "1",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{free_port}/execution/",
        # On a busy machine, the first answer takes longer than 5 s, after which tasks would give up.
        "WORKERS__EXECUTION_API_TIMEOUT": "120",
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
    }
    environment = {
        **clean_environment(),
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "TFX_LM_METADATA_PASSWORD": postgresql.password,
    }
    with (home / "commands.out").open("w") as errors:
        commands = subprocess.Popen(
            program("airflow_commands", python=programs / "python"), env=environment, cwd=home, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    running = Airflow(version, programs, home, database, postgresql, environment, commands, free_port)
    try:
        running.command("db", "migrate")
        yield running
    finally:
        running.stop()
