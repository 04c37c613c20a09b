"""Latency and texts per second of the model server and of direct calls of the same SavedModel.

    make bench-serving [DATA=FILE] [ARGS="--model output/serving/VERSION"]

One text per request, `score` and `next_word`, by 1, 8 and 64 clients. The peers, each a process, take turns:

    server     `tfx-lm serve`, and the clients in a third process
    threads    as many threads as clients; each calls the model with one text at a time
    batches    one thread calls the model with batches of as many texts as there are clients

Then a new version is pushed while 64 clients send 10,000 requests. Prints a table, writes benchmarks/out/serving.json.
"""

import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from shared.corpus import read_lines
from shared.model import build_model
from shared.options import benchmark_options, model_option
from shared.report import Report, describe_machine, figures_table, values_table
from shared.rounds import take_turns, warm_up
from shared.worker import ON_CPU, Worker
from tfx_lm.exported import versions

NAME = "serving"
SIGNATURES = ("score", "next_word")
CLIENTS = (1, 8, 64)
# Requests of one measurement; fewer for a single client, whose requests take longer.
REQUESTS = {1: 300, 8: 1000, 64: 3000}
SWAP_REQUESTS = 10_000


class Server:
    """`tfx-lm serve` on a free port."""

    def __init__(self, folder: Path, texts: Path):
        """Starts the server.

        Args:
            folder: The folder of versions.
            texts: The texts that clients send, a JSON list.
        """
        command = [str(Path(sys.executable).parent / "tfx-lm"), "serve", str(folder), "--port", "0"]
        self._process = subprocess.Popen(
            [*command, "--poll-seconds", "0.2"], stdout=subprocess.PIPE, text=True, env={**os.environ, **ON_CPU}
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.port = int(line.partition("http://127.0.0.1:")[2].partition("/")[0])
        self._texts = texts

    def get(self, path: str) -> bytes:
        """Returns the body of the answer at an address."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as response:
            return response.read()

    def version(self) -> str:
        """Returns the served version."""
        return json.loads(self.get("/v1/models/model"))["model_version_status"][0]["version"]

    def load_seconds(self) -> float:
        """Returns the time that the model took to load and warm up."""
        lines = self.get("/metrics").decode().splitlines()
        return float(next(line for line in lines if line.startswith("tfx_lm_model_load_seconds ")).split()[1])

    def clients(self, signature: str, clients: int, requests: int) -> Worker:
        """Starts the clients."""
        arguments = (self.port, signature, clients, requests, self._texts)
        return Worker("clients", "serving_workers.clients", *arguments)

    def answer(self, **asked: Any) -> dict[str, Any]:
        """Sends all requests by clients.

        Args:
            **asked: Arguments of `clients`.

        Returns:
            The answer of the clients; see `serving_workers/clients.py`.

        Raises:
            RuntimeError: If a request failed.
        """
        with self.clients(**asked) as clients:
            answer = clients.answer()
        if answer["statuses"] != {"200": asked["requests"]}:
            raise RuntimeError(f"{asked}: answered with {answer['statuses']}")
        return answer

    def stop(self) -> None:
        """Ends the server."""
        self._process.terminate()
        self._process.communicate()


def measure(server: Server, direct: Worker, rounds: int, share: float, console: Console) -> dict[str, Any]:
    """Measures the peers in turns, after one round to warm up.

    Args:
        server: The server.
        direct: The direct calls.
        rounds: Number of rounds that count.
        share: Share of `REQUESTS` in each measurement.
        console: The console for progress.

    Returns:
        For `SIGNATURE CLIENTS PEER`: `rates` (texts per second of each round) and `latencies_ms` (of all rounds).
    """
    peers: dict[str, Callable[[], dict[str, Any]]] = {}
    sent: dict[str, int] = {}
    for signature in SIGNATURES:
        for clients in CLIENTS:
            requests = max(clients * 2, round(REQUESTS[clients] * share))
            asked: dict[str, Any] = {"signature": signature, "clients": clients, "requests": requests}
            measured = {
                "server": functools.partial(server.answer, **asked),
                "threads": functools.partial(direct.ask, mode="threads", **asked),
                "batches": functools.partial(direct.ask, mode="batches", **asked),
            }
            for peer, work in measured.items():
                key = f"{signature} {clients} {peer}"
                peers[key], sent[key] = work, requests
    warm_up(peers, console)
    return {
        key: {
            "rates": [sent[key] / answer["seconds"] for answer in answers],
            "latencies_ms": [1000 * seconds for answer in answers for seconds in answer["latencies"]],
        }
        for key, answers in take_turns(peers, rounds, console).items()
    }


def push(folder: Path, model: Path) -> str:
    """Pushes a model as the Pusher does, and returns its version."""
    return versions.push(folder, lambda version: _copy(model, version)).name


def _copy(model: Path, version: Path) -> None:
    shutil.copytree(model, version, dirs_exist_ok=True)


def swap(server: Server, folder: Path, model: Path, requests: int) -> dict[str, Any]:
    """Pushes a new version under load."""
    with server.clients("score", 64, requests) as clients:
        time.sleep(1)
        new = push(folder, model)
        answer = clients.answer()
    while server.version() != new:
        time.sleep(0.1)
    failed = requests - answer["statuses"].get("200", 0)
    median, slow = np.percentile(answer["latencies"], [50, 99]) * 1000
    return {"requests": requests, "failed": failed, "p50_ms": float(median), "p99_ms": float(slow)}


def summarize(figures: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Returns medians of the rates, and percentiles of all latencies except those of batches, which mean nothing."""
    summary = {}
    for key, figure in figures.items():
        summary[key] = {"per_second": statistics.median(figure["rates"])}
        if figure["latencies_ms"]:
            p50, p99 = np.percentile(figure["latencies_ms"], [50, 99])
            summary[key] |= {"p50_ms": float(p50), "p99_ms": float(p99)}
    return summary


def ratios(summary: dict[str, dict[str, float]]) -> dict[str, float]:
    """Returns the server's rate over each peer's, and its p99 over its p50."""
    result = {}
    for signature in SIGNATURES:
        for clients in CLIENTS:
            served = summary[f"{signature} {clients} server"]
            for peer in ("threads", "batches"):
                rate = summary[f"{signature} {clients} {peer}"]["per_second"]
                result[f"{signature}_{clients}_vs_{peer}"] = served["per_second"] / rate
            result[f"{signature}_{clients}_p99_to_p50"] = served["p99_ms"] / served["p50_ms"]
    return result


def table(summary: Mapping[str, Mapping[str, float]]) -> Table:
    """Returns the table of the medians."""
    shown = figures_table(["signature", "clients", "peer"], ["texts/s", "p50 ms", "p99 ms"])
    for key, figure in summary.items():
        latencies = [f"{figure[name]:.1f}" if name in figure else "" for name in ("p50_ms", "p99_ms")]
        shown.add_row(*key.split(), f"{figure['per_second']:.0f}", *latencies)
    return shown


@click.command(help=__doc__)
@benchmark_options(NAME)
@model_option
@click.option("--share", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
              help="Share of the usual number of requests.")  # fmt: skip
def main(data: Path | None, rounds: int, output: Path, model: Path | None, share: float) -> None:
    """Measures the model server."""
    machine, console = describe_machine(), Console()
    lines = read_lines(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = model or build_model(lines, folder)
        push(folder / "versions", model)
        texts = folder / "texts.json"
        texts.write_text(json.dumps(lines[:: max(1, len(lines) // 1000)][:1000]))
        server = Server(folder / "versions", texts)
        try:
            with Worker("direct", "serving_workers.direct", model, texts) as direct:
                load_seconds = server.load_seconds()
                summary = summarize(measure(server, direct, rounds, share, console))
                steps = direct.ask(mode="step")
                swapped = swap(server, folder / "versions", model, max(200, round(SWAP_REQUESTS * share)))
        finally:
            server.stop()
        megabytes = sum(file.stat().st_size for file in model.rglob("*") if file.is_file()) / 1e6
    others = {**steps, "load_seconds": load_seconds, "model_megabytes": megabytes}
    figures = {**summary, **others, "swap": swapped, "rounds": rounds}
    step_ratio = {"step_1000_to_10": steps["step_ms_after_1000"] / steps["step_ms_after_10"]}
    tables = [table(summary), values_table("swap under load", swapped), values_table("model", others)]
    Report(NAME, ratios(summary) | step_ratio, figures, machine).publish(tables, output, console)


if __name__ == "__main__":
    main()
