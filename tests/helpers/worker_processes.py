"""Processes of workers that find each other by TF_CONFIG."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from helpers.free_ports import free_ports
from helpers.programs import program

# Longer than a test takes on a busy machine: a hang must fail, not last.
TIMEOUT = 300


def run_workers(
    name: str, arguments: Sequence[Sequence[object]], workers: int, python: str | Path = sys.executable
) -> list[str]:
    """Runs a program in one process, or in several that find each other by TF_CONFIG; returns their outputs.

    `arguments` has those of each process. Fails if a process does, or is not done in time.
    """
    processes = []
    with free_ports(workers) as ports:
        addresses = [f"localhost:{port}" for port in ports]
        for index in range(workers):
            environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"}
            if workers > 1:
                task = {"type": "worker", "index": index}
                environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
            command = program(name, *arguments[index], python=python)
            processes.append(
                subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            )
        end = time.monotonic() + TIMEOUT
        try:
            results = [process.communicate(timeout=max(1, end - time.monotonic())) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
    for process, (_, errors) in zip(processes, results, strict=True):
        assert process.returncode == 0, errors[-5000:]
    return [output for output, _ in results]
