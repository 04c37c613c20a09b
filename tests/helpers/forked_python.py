"""An interpreter for tests whose processes begin with TFX imported.

Importing TFX takes five seconds of a processor. One process of each kind that tests start is one of `sys.executable`.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.process_marks import VARIABLE
from helpers.programs import program


@pytest.fixture(scope="session")
def forked_python() -> Iterator[Path]:
    """A file that runs Python programs as `sys.executable` does, in forks of a process (`programs/fork_python.py`)."""
    # Not below the folder of the tests, whose path may be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="tfx-lm-") as folder:
        address, python = Path(folder) / "socket", Path(folder) / "python"
        calling = program("fork_python", "call", address)
        # Without the folders of packages, it starts in 20 ms.
        python.write_text(f'#!/bin/sh\nexec {shlex.join([calling[0], "-I", "-S", *calling[1:]])} "$@"\n')
        python.chmod(0o755)
        # The server outlives the test that asks for it first.
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        command = program("fork_python", "serve", address)
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as server:
            try:
                assert server.stdout is not None
                assert server.stdout.readline() == "ready\n"
                yield python
            finally:
                server.terminate()
