"""The model server against calls of the same SavedModel in one process: latency and texts per second.

    make bench-serving [DATA=FILE] [ARGS="--model output/serving/VERSION"]

One text a request, `score` and `next_word`, by 1, 8 and 64 clients. The peers, each a process, take turns:

    server     `tfx-lm serve`, and the clients in a third process
    threads    as many threads as clients, each calls the model with one text at a time
    batches    one thread calls the model with batches of as many texts as there are clients

Then a new version is pushed while 64 clients send 10,000 requests. Prints a table, writes benchmarks/out/serving.json.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

NAME = "serving"
FOLDER = Path(__file__).parent
OUTPUT = FOLDER / "out" / f"{NAME}.json"
SIGNATURES = ("score", "next_word")
CLIENTS = (1, 8, 64)
# Requests of one measurement; a single client's take longer each.
REQUESTS = {1: 300, 8: 1000, 64: 3000}
SWAP_REQUESTS = 10_000


class Server:
    """`tfx-lm serve` on a free port."""

    def __init__(self, versions: Path):
        command = [str(Path(sys.executable).parent / "tfx-lm"), "serve", str(versions), "--port", "0"]
        self._process = subprocess.Popen([*command, "--poll-seconds", "0.2"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.port = int(line.partition("http://127.0.0.1:")[2].partition("/")[0])

    def get(self, path: str) -> bytes:
        """The body of an address."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as response:
            return response.read()

    def version(self) -> str:
        """The version that is served."""
        return json.loads(self.get("/v1/models/model"))["model_version_status"][0]["version"]

    def load_seconds(self) -> float:
        """How long the model took to load and warm up."""
        lines = self.get("/metrics").decode().splitlines()
        return float(next(line for line in lines if line.startswith("tfx_lm_model_load_seconds ")).split()[1])

    def clients(self, texts: str, signature: str, clients: int, requests: int) -> subprocess.Popen:
        """Starts the clients."""
        command = [sys.executable, str(FOLDER / "serving_workers" / "clients.py")]
        process = subprocess.Popen(
            [*command, str(self.port), signature, str(clients), str(requests)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(texts)
        process.stdin.close()
        return process

    def stop(self) -> None:
        """Ends the server."""
        self._process.terminate()
        self._process.communicate()


def answer(clients: subprocess.Popen) -> dict[str, Any]:
    """What the clients found, once they are through."""
    assert clients.stdout is not None
    found = json.loads(clients.stdout.read())
    clients.stdout.close()
    clients.wait()
    return found


class Direct:
    """The process that calls the model without a server."""

    def __init__(self, model: Path, texts: Path):
        command = [sys.executable, str(FOLDER / "serving_workers" / "direct.py"), str(model), str(texts)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, **asked: Any) -> dict[str, Any]:
        """Lets the process work and returns what it found; see `serving_workers/direct.py`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        """Ends the process."""
        self._process.communicate()


def measure(server: Server, direct: Direct, texts: str, rounds: int, share: float) -> dict[str, Any]:
    """Lets the peers take turns, after one round to warm up.

    Args:
        server: The server.
        direct: The direct calls.
        texts: JSON list of texts.
        rounds: How many rounds count.
        share: Of `REQUESTS`, in each measurement.

    Returns:
        For `SIGNATURE CLIENTS PEER`: `rates` (texts per second of each round) and `latencies_ms` (of all rounds).
    """
    figures: dict[str, Any] = {}
    for number in range(rounds + 1):
        for signature in SIGNATURES:
            for clients in CLIENTS:
                requests = max(clients * 2, round(REQUESTS[clients] * share))
                asked: dict[str, Any] = {"signature": signature, "clients": clients, "requests": requests}
                found = {
                    "server": answer(server.clients(texts, **asked)),
                    "threads": direct.ask(mode="threads", **asked),
                    "batches": direct.ask(mode="batches", **asked),
                }
                if found["server"]["statuses"] != {"200": requests}:
                    raise RuntimeError(f"{asked}: answered with {found['server']['statuses']}")
                for peer, result in found.items():
                    figure = figures.setdefault(f"{signature} {clients} {peer}", {"rates": [], "latencies_ms": []})
                    if number:
                        figure["rates"].append(requests / result["seconds"])
                        figure["latencies_ms"] += [1000 * seconds for seconds in result["latencies"]]
    return figures


def swap(server: Server, versions: Path, model: Path, texts: str, requests: int) -> dict[str, Any]:
    """Pushes a new version under load, as the Pusher does it."""
    new = int(server.version()) + 1
    clients = server.clients(texts, "score", 64, requests)
    time.sleep(1)
    shutil.copytree(model, versions / f".pushing-{new}")
    (versions / f".pushing-{new}").rename(versions / str(new))
    found = answer(clients)
    while server.version() != str(new):
        time.sleep(0.1)
    failed = requests - found["statuses"].get("200", 0)
    median, slow = np.percentile(found["latencies"], [50, 99]) * 1000
    return {"requests": requests, "failed": failed, "p50_ms": float(median), "p99_ms": float(slow)}


def summarize(figures: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Medians of the rates, and percentiles of all latencies; a batch's latencies mean nothing and are left out."""
    summary = {}
    for key, figure in figures.items():
        summary[key] = {"per_second": statistics.median(figure["rates"])}
        if figure["latencies_ms"]:
            p50, p99 = np.percentile(figure["latencies_ms"], [50, 99])
            summary[key] |= {"p50_ms": float(p50), "p99_ms": float(p99)}
    return summary


def ratios(summary: dict[str, dict[str, float]]) -> dict[str, float]:
    """The server's rate over each peer's, and its p99 over its p50."""
    found = {}
    for signature in SIGNATURES:
        for clients in CLIENTS:
            served = summary[f"{signature} {clients} server"]
            for peer in ("threads", "batches"):
                rate = summary[f"{signature} {clients} {peer}"]["per_second"]
                found[f"{signature}_{clients}_vs_{peer}"] = served["per_second"] / rate
            found[f"{signature}_{clients}_p99_to_p50"] = served["p99_ms"] / served["p50_ms"]
    return {key: round(value, 3) for key, value in found.items()}


def table(summary: dict[str, dict[str, float]]) -> Table:
    """The medians for people."""
    shown = Table("signature", "clients", "peer", "texts/s", "p50 ms", "p99 ms")
    for column in (1, 3, 4, 5):
        shown.columns[column].justify = "right"
    for key, figure in summary.items():
        latencies = [f"{figure[name]:.1f}" if name in figure else "" for name in ("p50_ms", "p99_ms")]
        shown.add_row(*key.split(), f"{figure['per_second']:.0f}", *latencies)
    return shown


def sample_lines(data: Path | None) -> list[str]:
    """The lines of a file, or made-up ones of the lengths of news text."""
    if data is not None:
        return [line for line in data.read_text(encoding="utf-8").splitlines() if line.strip()]
    from disk_format import generated_lines

    return [" ".join(words) for words in generated_lines(20_000)]


@click.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Lines of text.")
@click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A version's own folder.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--share", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
              help="Of the usual number of requests.")  # fmt: skip
def main(data: Path | None, model: Path | None, rounds: int, share: float) -> None:
    """Measures the model server."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Results beside other work are worth little; this shows whether there was some.
    load_average = os.getloadavg()[0]
    lines = sample_lines(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if model is None:
            from serving_workers.model import build_model

            model = Path(build_model(lines, name))
        versions = folder / "versions"
        shutil.copytree(model, versions / "1")
        texts = json.dumps(lines[:: max(1, len(lines) // 1000)][:1000])
        (folder / "texts.json").write_text(texts)
        server, direct = Server(versions), Direct(model, folder / "texts.json")
        try:
            load_seconds = server.load_seconds()
            summary = summarize(measure(server, direct, texts, rounds, share))
            steps = direct.ask(mode="step")
            swapped = swap(server, versions, model, texts, max(200, round(SWAP_REQUESTS * share)))
        finally:
            server.stop()
            direct.stop()
        size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
    report: dict[str, Any] = {
        "name": NAME,
        "ratios": ratios(summary) | {"step_1000_to_10": steps["step_ms_after_1000"] / steps["step_ms_after_10"]},
        "figures": {
            **summary,
            **steps,
            "swap": swapped,
            "load_seconds": load_seconds,
            "model_megabytes": size / 1e6,
            "rounds": rounds,
        },
        "machine": {
            "cores": os.cpu_count(),
            "load_average_before": load_average,
            "python": platform.python_version(),
            "system": platform.platform(),
        },
    }
    console = Console()
    console.print(table(summary))
    console.print_json(data={"ratios": report["ratios"], **{key: report["figures"][key] for key in
                             ("swap", "load_seconds", "model_megabytes", *steps)}})  # fmt: skip
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written: {OUTPUT}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
