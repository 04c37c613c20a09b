"""A small Flink cluster on this machine, for as long as a command runs: `python cluster.py -- COMMAND`.

A JobManager, two TaskManagers with one slot each and the job server of Beam's Flink runner, about 2 GB of memory
together, all on loopback. `JOB_SERVER` in the command's arguments becomes the job server's address. The JARs come from
Maven Central at the first start. It needs Java 17 and Maven.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Seconds until all parts of the cluster answer.
START_SECONDS = 300
TASK_MANAGERS = 2

JOB_MANAGER_CLASS = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER_CLASS = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
JOB_SERVER_CLASS = "org.apache.beam.runners.flink.FlinkJobServerDriver"

# Flink and Beam use reflection on classes that Java 17 closes.
OPENED = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.io", "java.lang", "java.lang.reflect", "java.net", "java.nio", "java.text", "java.time", "java.util",
        "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch",
    )
]  # fmt: skip

SETTINGS = """
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
# A job goes on after a TaskManager died.
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 2 s
heartbeat.interval: 2000
heartbeat.timeout: 30000
# Beam's classes stand in Flink's own class path. Only so do Python workers live on between the stages of a job.
classloader.resolve-order: parent-first
io.tmp.dirs: {folder}/temporary
"""


def main() -> int:
    """Runs the command on a cluster; returns its exit code, or 2 if the cluster cannot start."""
    parser = argparse.ArgumentParser(description="Runs a command beside a small Flink cluster.")
    parser.add_argument("--folder", type=Path, default=Path(".cache/flink"), help="JARs, logs and temporary files.")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="JOB_SERVER in it becomes HOST:PORT.")
    options = parser.parse_args()
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing:
        print(f"flink: needs Java 17 and Maven; {' and '.join(missing)} not found", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with cluster(options.folder.resolve()) as job_server:
            return subprocess.call([argument.replace("JOB_SERVER", job_server) for argument in options.command])
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"flink: {error}; logs: {options.folder}/logs", file=sys.stderr)
        return 2


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Starts the cluster; yields the address of the job server; ends all processes."""
    jars = resolve(folder)
    for name in ("conf", "logs", "temporary", "artifacts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rpc_port, rest_port, job_port, artifact_port = free_ports(4)
    settings = SETTINGS.format(rpc_port=rpc_port, rest_port=rest_port, folder=folder)
    (folder / "conf" / "flink-conf.yaml").write_text(settings)
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, memory: list[str], *arguments: str) -> None:
        with (folder / "logs" / f"{name}.log").open("wb") as log:
            command = ["java", *OPENED, *memory, "-cp", f"{jars}/*", *arguments]
            running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))

    try:
        start("jobmanager", ["-Xmx400m"], JOB_MANAGER_CLASS, "--configDir", f"{folder}/conf")
        wait_until(lambda: overview(rest_port) is not None, running, "the JobManager")
        memory = ["-Xmx640m", "-XX:MaxDirectMemorySize=512m", "-XX:MaxMetaspaceSize=256m"]
        for number in range(1, TASK_MANAGERS + 1):
            start(f"taskmanager-{number}", memory, TASK_MANAGER_CLASS, "--configDir", f"{folder}/conf")
        start(
            "job-server", ["-Xmx400m"], JOB_SERVER_CLASS,
            f"--flink-master=localhost:{rest_port}", f"--flink-conf-dir={folder}/conf", "--job-host=localhost",
            f"--job-port={job_port}", f"--artifact-port={artifact_port}", "--expansion-port=-1",
            f"--artifacts-dir={folder}/artifacts",
        )  # fmt: skip
        wait_until(lambda: overview(rest_port) == TASK_MANAGERS, running, "the TaskManagers")
        wait_until(lambda: answers(job_port), running, "the job server")
        yield f"localhost:{job_port}"
    finally:
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in ("temporary", "artifacts"):
            shutil.rmtree(folder / name, ignore_errors=True)


def resolve(folder: Path) -> Path:
    """Returns the folder of all JARs; Maven fills it once for each pom.xml."""
    jars, copy = folder / "jars", folder / "pom.xml"
    pom = (HERE / "pom.xml").read_bytes()
    if not copy.exists() or copy.read_bytes() != pom:
        print("flink: Maven fetches 150 MB of JARs, once", flush=True)
        shutil.rmtree(jars, ignore_errors=True)
        command = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        subprocess.run([*command, f"-DoutputDirectory={jars}", "-DincludeScope=runtime"], check=True)
        copy.write_bytes(pom)
    return jars


def free_ports(count: int) -> list[int]:
    """Returns ports of loopback that nothing listens at."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("localhost", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def overview(rest_port: int) -> int | None:
    """Returns the number of TaskManagers, or None as long as the JobManager does not answer."""
    try:
        with urllib.request.urlopen(f"http://localhost:{rest_port}/overview", timeout=5) as answer:
            return json.load(answer)["taskmanagers"]
    except (OSError, ValueError, KeyError):
        return None


def answers(port: int) -> bool:
    """Returns whether something listens at a port of loopback."""
    try:
        socket.create_connection(("localhost", port), timeout=5).close()
    except OSError:
        return False
    return True


def wait_until(done: Callable[[], bool], running: list[subprocess.Popen[bytes]], name: str) -> None:
    """Polls until `done()`; raises a RuntimeError if a process ended or it takes too long."""
    end = time.monotonic() + START_SECONDS
    while not done():
        if any(process.poll() is not None for process in running):
            raise RuntimeError(f"a process of the cluster ended while {name} started")
        if time.monotonic() > end:
            raise RuntimeError(f"{name} did not start within {START_SECONDS} s")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
