"""The coordinator's side of a worker: start it, give it a turn, end it."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


class WorkerError(Exception):
    """A worker ended by itself; the message holds the end of what it said."""


class Worker:
    """A process that builds its model and then waits for its turn (see `turns`).

    Args:
        name: The name of the contestant, for errors.
        script: The file of the worker, without its folder.
        python: The interpreter.
        asked: What the worker is asked for.
        environment: Variables that only this process gets.
    """

    def __init__(self, name: str, script: str, python: str, asked: Mapping[str, Any], environment: Mapping[str, str]):
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, open as long as the process
        try:
            self._process = subprocess.Popen(
                [python, str(FOLDER / script), json.dumps(dict(asked))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                # The processor is what is measured.
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
            )
        except OSError as error:
            self._errors.close()
            raise WorkerError(f"{self.name}: {python} cannot be started: {error}") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout

    def ready(self) -> dict[str, Any]:
        """Waits until everything is built, and returns what the worker says of itself."""
        return self._answer()

    def round(self) -> dict[str, Any]:
        """Lets the worker do one round while all others wait, and returns its answer."""
        self._requests.write("go\n")
        self._requests.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the worker, if it has not ended."""
        self._requests.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        said = "\n".join(self._errors.read().splitlines()[-20:])
        self.close()
        raise WorkerError(f"{self.name}: ended with exit status {code}:\n{said}")
