"""An interpreter for tests whose processes begin with TFX imported.

Importing TFX takes five seconds of a processor. One process of each kind that tests start is one of `sys.executable`.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from helpers.process_marks import VARIABLE
from helpers.programs import program


@pytest.fixture(scope="session")
def forked_python(build_once, request) -> Path:
    """A file that runs Python programs as `sys.executable` does, in forks of a process (`programs/fork_python.py`).

    All worker processes of a test run share that process, which ends when the test run does.
    """
    owner = os.getppid() if hasattr(request.config, "workerinput") else os.getpid()

    def start(folder: Path) -> None:
        # Not below the folder of the tests, whose path may be too long for a socket. The server removes it.
        place = Path(tempfile.mkdtemp(prefix="tfx-lm-"))
        address = place / "socket"
        # The server outlives the test that asks for it first.
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        command = program("fork_python", "serve", address, owner)
        try:
            subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, start_new_session=True, check=True)
        except BaseException:
            shutil.rmtree(place)
            raise
        # Without the folders of packages, a call starts in 20 ms.
        calling = program("fork_python", "call", address)
        python = folder / "python"
        python.write_text(f'#!/bin/sh\nexec {shlex.join([calling[0], "-I", "-S", *calling[1:]])} "$@"\n')
        python.chmod(0o755)

    return build_once("forked python", start) / "python"
