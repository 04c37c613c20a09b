"""Commands of `tfx-lm` in forks of a process that has imported TFX, each with an environment of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.programs import program


class Commands:
    """Runs `tfx-lm` in forks of a process that listens on a socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def __call__(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
        command = program("forked_tfx_lm", "call", self._socket, *arguments)
        return subprocess.run(
            command, capture_output=True, text=True, timeout=600, env={**os.environ, **environment}
        )  # fmt: skip


@contextmanager
def forked_commands(folder: Path) -> Iterator[Commands]:
    """Starts the process; its socket lies in a folder whose path must be short."""
    socket = folder / "tfx-lm"
    server = subprocess.Popen(program("forked_tfx_lm", "serve", socket), stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        yield Commands(socket)
    finally:
        server.kill()
        server.communicate()
