"""The model server for a long time: a new version each minute under mixed traffic, and what the process holds.

    make bench-soak [ARGS="--minutes 20 --model output/serving/VERSION"]

Clients score, propose words and make mistakes over REST and gRPC, some of them slow, some gone before the answer. Each
version is pushed under their requests. Before the next one they pause: then only one model is in use, and the memory,
file descriptors and threads of the server are read.
Prints a table, writes benchmarks/out/soak.json, and ends with exit code 1 if a request failed, memory grew by more
than 5 % after the first swap, or descriptors or threads became more. Linux only.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from shared.corpus import read_lines
from shared.options import benchmark_options, model_option
from shared.report import Report, describe_machine, figures_table, values_table
from shared.soak_clients import Clients
from shared.worker import ON_CPU
from tfx_lm.exported import versions

NAME = "soak"
KEEP_VERSIONS = 3
BODY_SECONDS = 8.0
POLL_SECONDS = 0.5
# Seconds in which an old version is freed after its last request, also on a busy machine.
FREEING_SECONDS = 6.0
# Seconds after which a version that was pushed and is not served has failed.
LOADING_SECONDS = 300.0
# Factor by which the memory may grow after the first swap.
MOST_GROWTH = 1.05


class Server:
    """`tfx-lm serve` with REST and gRPC on free ports."""

    def __init__(self, folder: Path) -> None:
        """Starts the server for a folder of versions."""
        command = [str(Path(sys.executable).parent / "tfx-lm"), "serve", str(folder), "--port", "0", "--grpc-port", "0"]
        command += ["--poll-seconds", str(POLL_SECONDS), "--body-seconds", str(BODY_SECONDS)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **ON_CPU})
        assert self._process.stdout is not None
        # "Serving .. at http://127.0.0.1:PORT/v1/..:predict, gRPC at 127.0.0.1:PORT; .."
        ports = re.findall(r" at (?:http://)?127\.0\.0\.1:([0-9]+)", self._process.stdout.readline())
        self.port, self.grpc_port = map(int, ports)

    def version(self) -> str:
        """Returns the served version."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/models/model", timeout=60) as response:
            return json.load(response)["model_version_status"][0]["version"]

    def holds(self) -> dict[str, int]:
        """Returns the memory (kB), file descriptors and threads of the process."""
        folder = Path("/proc", str(self._process.pid))
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return {
            "memory_kb": int(status["VmRSS"].split()[0]),
            "descriptors": len(list((folder / "fd").iterdir())),
            "threads": int(status["Threads"]),
        }

    def stop(self) -> None:
        """Ends the server."""
        self._process.terminate()
        self._process.communicate()


def push(folder: Path, model: Path) -> str:
    """Pushes a model as the Pusher does, and returns its version."""
    return versions.push(folder, lambda version: _copy(model, version), keep=KEEP_VERSIONS).name


def _copy(model: Path, version: Path) -> None:
    shutil.copytree(model, version, dirs_exist_ok=True)


def hold_after_swap(server: Server, version: str) -> dict[str, int]:
    """Waits until a version is served and the one before is freed; returns what the process holds then."""
    end = time.monotonic() + LOADING_SECONDS
    while (served := server.version()) != version:
        if time.monotonic() > end:
            raise click.ClickException(f"version {version} is not served after {LOADING_SECONDS:g} s, but {served}")
        time.sleep(0.1)
    readings = []
    end = time.monotonic() + FREEING_SECONDS
    while time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        readings.append(server.holds())
    return min(readings, key=lambda reading: reading["memory_kb"])


def problems(samples: list[dict[str, int]], failures: list[str]) -> list[str]:
    """Returns what must not be.

    Args:
        samples: What the process held before the first swap, and after each.
        failures: See `Clients`.
    """
    found = [f"{len(failures)} requests failed, such as: {failures[0]}"] if failures else []
    swapped = samples[1:]
    growth = max(sample["memory_kb"] for sample in swapped) / swapped[0]["memory_kb"]
    if growth > MOST_GROWTH:
        found.append(f"the memory grew by the factor {growth:.3f} after the first swap: at most {MOST_GROWTH}")
    for name in ("descriptors", "threads"):
        if swapped[-1][name] > swapped[0][name]:
            found.append(f"{swapped[-1][name]} {name} at the end: {swapped[0][name]} after the first swap")
    return found


@click.command(help=__doc__)
@benchmark_options(NAME)
@model_option
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=20.0, show_default=True,
              help="How long.")  # fmt: skip
@click.option("--swap-seconds", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
              help="Time between two versions.")  # fmt: skip
@click.option("--clients", type=click.IntRange(min=1), default=6, show_default=True, help="Number of clients.")
@click.option("--pause", type=click.FloatRange(min=0, min_open=True), default=0.3, show_default=True,
              help="Seconds between two requests of a client, on average.")  # fmt: skip
def main(
    data: Path | None, rounds: int, output: Path, model: Path | None, minutes: float, swap_seconds: float,
    clients: int, pause: float,
) -> None:  # fmt: skip
    """Runs the server for a long time."""
    machine, console = describe_machine(), Console()
    lines = read_lines(data)
    shown = figures_table(["version"], ["minute", "requests", "failed", "MB", "descriptors", "threads"])
    samples: list[dict[str, int]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if model is None:
            # It imports the whole of TFX, which takes longer than the server to start.
            from shared.model import build_model

            model = build_model(lines, folder)
        version = push(folder / "versions", model)
        server = Server(folder / "versions")
        sending = Clients(server.port, server.grpc_port, lines[:1000], clients, pause, BODY_SECONDS)
        try:
            begin = time.monotonic()
            while True:
                cycle = time.monotonic()
                if samples:
                    version = push(folder / "versions", model)
                sending.run(swap_seconds)
                sample = hold_after_swap(server, version)
                samples.append(sample)
                minute = (time.monotonic() - begin) / 60
                numbers = (sending.answers.total(), len(sending.failures), round(sample["memory_kb"] / 1024),
                           sample["descriptors"], sample["threads"])  # fmt: skip
                shown.add_row(version, f"{minute:.1f}", *map(str, numbers))
                console.print(f"{version} {minute:.1f} min: {numbers}", highlight=False)
                if len(samples) > 2 and time.monotonic() - begin + (time.monotonic() - cycle) > 60 * minutes:
                    break
        finally:
            server.stop()
    growth = max(sample["memory_kb"] for sample in samples[1:]) / samples[1]["memory_kb"]
    figures: dict[str, Any] = {
        "swaps": len(samples) - 1, "minutes": minute, "samples": samples,
        "answers": dict(sending.answers), "failures": sending.failures[:20],
    }  # fmt: skip
    Report(NAME, {"memory_after_first_swap": growth}, figures, machine).publish(
        [shown, values_table("answers", sending.answers)], output, console
    )
    for problem in problems(samples, sending.failures):
        raise click.ClickException(problem)


if __name__ == "__main__":
    main()
