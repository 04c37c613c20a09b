"""A small Flink or Spark cluster on this machine, for as long as a command runs: `python cluster.py flink -- COMMAND`.

Flink: a JobManager and two TaskManagers with one slot each. Spark: a master and two workers with one core each. Beside
them the job server of Beam's runner; about 2 GB of memory together. `JOB_SERVER` in the command's arguments becomes the
job server's address. The JARs come from Maven Central at the first start. It needs Java 17 or 21 and Maven.

Flink and Spark listen on loopback. Beam's job server listens at all addresses, whatever its options say, and runs what
it is sent: not on a machine that others can reach.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# Seconds until all parts of the cluster answer.
START_SECONDS = 300
WORKERS = 2

JOB_MANAGER_CLASS = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER_CLASS = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
FLINK_JOB_SERVER_CLASS = "org.apache.beam.runners.flink.FlinkJobServerDriver"

MASTER_CLASS = "org.apache.spark.deploy.master.Master"
WORKER_CLASS = "org.apache.spark.deploy.worker.Worker"
SPARK_JOB_SERVER_CLASS = "org.apache.beam.runners.spark.SparkJobServerDriver"

# Flink, Spark and Beam use reflection on classes that Java 17 closes.
OPENED = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.io", "java.lang", "java.lang.invoke", "java.lang.reflect", "java.net", "java.nio", "java.text",
        "java.time", "java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks",
        "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar",
    )
]  # fmt: skip

FLINK_SETTINGS = """
jobmanager.rpc.address: localhost
jobmanager.bind-host: localhost
jobmanager.rpc.port: {rpc_port}
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest_port}
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.numberOfTaskSlots: 1
taskmanager.cpu.cores: 1.0
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 512m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 256m
taskmanager.memory.network.min: 192m
taskmanager.memory.network.max: 192m
# A job of TensorFlow Transform has 100 parts; each exchange between them asks for 16 MB of buffers by default.
taskmanager.network.sort-shuffle.min-buffers: 64
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
# A job goes on after a TaskManager died: the attempts last longer than `heartbeat.timeout`, until which Flink hands
# parts of the job to the dead one, too.
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 10 s
# On a busy machine some answers take longer than Flink's 10 seconds.
pekko.ask.timeout: 60 s
heartbeat.interval: 2000
heartbeat.timeout: 30000
# Beam's classes stand in Flink's own class path. Only so do Python workers live on between the stages of a job.
classloader.resolve-order: parent-first
io.tmp.dirs: {folder}
"""

# Of the job server, which is the driver of Spark's jobs.
SPARK_PROPERTIES = {
    "spark.executor.memory": "1g",
    "spark.driver.host": "localhost",
    "spark.driver.bindAddress": "localhost",
    "spark.ui.enabled": "false",
}


def main() -> int:
    """Runs the command on a cluster; returns its exit code, or 2 if the cluster cannot start."""
    parser = argparse.ArgumentParser(description="Runs a command beside a small Flink or Spark cluster.")
    parser.add_argument("engine", choices=list(ENGINES))
    parser.add_argument("--folder", type=Path, help="JARs, logs and temporary files; .cache/ENGINE by default.")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="JOB_SERVER in it becomes HOST:PORT.")
    options = parser.parse_args()
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing:
        print(f"{options.engine}: needs Java 17 or 21 and Maven; {' and '.join(missing)} not found", file=sys.stderr)
        return 2
    folder = (options.folder or Path(".cache", options.engine)).resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with cluster(options.engine, folder) as job_server:
            return call([argument.replace("JOB_SERVER", job_server) for argument in options.command])
    except KeyboardInterrupt:
        return 130
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"{options.engine}: {error}; logs: {folder}/logs", file=sys.stderr)
        return 2


def call(command: list[str]) -> int:
    """Runs a command to its end; Ctrl-C and SIGTERM are left to it. Returns its exit code."""
    with subprocess.Popen(command) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        # A terminal sends it to the command, too.
        signal.signal(signal.SIGINT, lambda *_: None)
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def cluster(engine: str, folder: Path) -> Iterator[str]:
    """Starts the cluster; yields the address of the job server; ends all processes."""
    resolve(engine, folder)
    (folder / "logs").mkdir(exist_ok=True)
    # What one run of the cluster has to itself.
    with tempfile.TemporaryDirectory(dir=folder, prefix="run-", ignore_cleanup_errors=True) as own:
        programs = Programs(folder, Path(own))
        try:
            yield ENGINES[engine](Path(own), programs)
        finally:
            programs.end()


class Programs:
    """The processes of a cluster, each with a log of its own.

    Attributes:
        logs: The folder of the logs.
        running: The processes.
    """

    def __init__(self, folder: Path, own: Path):
        self._folder = folder
        self._own = own
        self.logs = folder / "logs"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, memory: list[str], *arguments: str) -> None:
        """Starts a Java program."""
        command = ["java", *OPENED, *memory, "-cp", f"{self._folder}/jars/*", *arguments]
        environment = {
            **os.environ,
            "SPARK_HOME": str(self._folder),
            "SPARK_SCALA_VERSION": "2.12",
            "SPARK_LOCAL_DIRS": str(self._own),
            # Otherwise Spark's pages listen at all addresses.
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        with (self.logs / f"{name}.log").open("wb") as log:
            # A session of its own: Ctrl-C is for the command, which still needs the cluster to end its job.
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
            self.running.append(process)

    def wait_until(self, done: Callable[[], bool], name: str) -> None:
        """Polls until `done()`; raises a RuntimeError if a process ended or it takes too long."""
        end = time.monotonic() + START_SECONDS
        while not done():
            if any(process.poll() is not None for process in self.running):
                raise RuntimeError(f"a process of the cluster ended while {name} started")
            if time.monotonic() > end:
                raise RuntimeError(f"{name} did not start within {START_SECONDS} s")
            time.sleep(0.5)

    def end(self) -> None:
        """Ends all processes."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start_flink(folder: Path, programs: Programs) -> str:
    """Starts Flink; returns the address of the job server."""
    rpc_port, rest_port, job_port, artifact_port = free_ports(4)
    settings = FLINK_SETTINGS.format(rpc_port=rpc_port, rest_port=rest_port, folder=folder)
    (folder / "flink-conf.yaml").write_text(settings)
    programs.start("jobmanager", ["-Xmx400m"], JOB_MANAGER_CLASS, "--configDir", str(folder))
    programs.wait_until(lambda: read_json(rest_port, "/overview") is not None, "the JobManager")
    memory = ["-Xmx640m", "-XX:MaxDirectMemorySize=512m", "-XX:MaxMetaspaceSize=256m"]
    for number in range(1, WORKERS + 1):
        programs.start(f"taskmanager-{number}", memory, TASK_MANAGER_CLASS, "--configDir", str(folder))
    programs.start(
        "job-server", ["-Xmx400m"], FLINK_JOB_SERVER_CLASS,
        f"--flink-master=localhost:{rest_port}", f"--flink-conf-dir={folder}", "--job-host=localhost",
        f"--job-port={job_port}", f"--artifact-port={artifact_port}", "--expansion-port=-1",
        f"--artifacts-dir={folder}/artifacts",
    )  # fmt: skip
    programs.wait_until(
        lambda: (read_json(rest_port, "/overview") or {}).get("taskmanagers") == WORKERS, "the TaskManagers"
    )
    programs.wait_until(lambda: answers(job_port), "the job server")
    return f"localhost:{job_port}"


def start_spark(folder: Path, programs: Programs) -> str:
    """Starts Spark; returns the address of the job server."""
    master_port, page_port, job_port, artifact_port = free_ports(4)
    master = f"spark://localhost:{master_port}"
    programs.start(
        "master", ["-Xmx300m"], MASTER_CLASS,
        "--host", "localhost", "--port", str(master_port), "--webui-port", str(page_port),
    )  # fmt: skip
    programs.wait_until(lambda: read_json(page_port, "/json/") is not None, "the master")
    for number in range(1, WORKERS + 1):
        programs.start(
            f"worker-{number}", ["-Xmx300m"], WORKER_CLASS,
            "--host", "localhost", "--webui-port", "0", "--cores", "1", "--memory", "1g",
            "--work-dir", f"{programs.logs}/worker-{number}", master,
        )  # fmt: skip
    properties = [f"-D{name}={value}" for name, value in SPARK_PROPERTIES.items()]
    programs.start(
        "job-server", ["-Xmx600m", *properties], SPARK_JOB_SERVER_CLASS,
        f"--spark-master-url={master}", "--job-host=localhost", f"--job-port={job_port}",
        f"--artifact-port={artifact_port}", "--expansion-port=-1", f"--artifacts-dir={folder}/artifacts",
    )  # fmt: skip
    programs.wait_until(lambda: (read_json(page_port, "/json/") or {}).get("aliveworkers") == WORKERS, "the workers")
    programs.wait_until(lambda: answers(job_port), "the job server")
    return f"localhost:{job_port}"


ENGINES: dict[str, Callable[[Path, Programs], str]] = {"flink": start_flink, "spark": start_spark}


def resolve(engine: str, folder: Path) -> None:
    """Fills the folder `jars`, once for each list of dependencies."""
    folder.mkdir(parents=True, exist_ok=True)
    jars, copy = folder / "jars", folder / "pom.xml"
    pom = HERE / f"{engine}.xml"
    if not copy.exists() or copy.read_bytes() != pom.read_bytes():
        print(f"{engine}: Maven fetches the JARs, up to 300 MB, once", flush=True)
        shutil.rmtree(jars, ignore_errors=True)
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        subprocess.run([*command, f"-DoutputDirectory={jars}", "-DincludeScope=runtime"], check=True)
        shutil.copyfile(pom, copy)


def free_ports(count: int) -> list[int]:
    """Returns ports of loopback that nothing listens at."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("localhost", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def read_json(port: int, path: str, host: str = "localhost") -> dict[str, Any] | None:
    """Returns what a page answers, or None as long as it does not."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def answers(port: int) -> bool:
    """Returns whether something listens at a port of loopback."""
    try:
        socket.create_connection(("localhost", port), timeout=5).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
