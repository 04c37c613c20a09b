"""Worker process of a benchmark, which answers the questions of the main process."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

FOLDER = Path(__file__).parents[1]
# The environment of all workers: without start-up messages; and of those that see no accelerator.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}
ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1", **QUIET}


class WorkerError(click.ClickException):
    """A worker ended by itself; the message has the end of its error output."""


class Worker(contextlib.AbstractContextManager["Worker"]):
    """A process that reads a JSON object per line and answers each with one (see `answers`).

    Args:
        name: Its name in errors.
        module: The module that it runs, in the benchmarks' folder.
        *arguments: Arguments of its command line.
        python: The interpreter.
        environment: Variables for this process only.
        on_cpu: Whether accelerators are hidden from it.
    """

    def __init__(
        self,
        name: str,
        module: str,
        *arguments: object,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
        on_cpu: bool = True,
    ):
        self.name = name
        folders = filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")])
        ours = {"PYTHONPATH": os.pathsep.join(folders), **(ON_CPU if on_cpu else QUIET)}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, open as long as the process
        try:
            self._process = subprocess.Popen(
                [python, "-m", module, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env={**os.environ, **ours, **(environment or {})},
            )
        except OSError as error:
            self._errors.close()
            raise WorkerError(f"{self.name}: {python} cannot be started: {error}") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout

    def ask(self, **question: Any) -> dict[str, Any]:
        """Asks the worker and returns its answer.

        Args:
            **question: JSON values; see each worker.

        Raises:
            WorkerError: If it has ended.
        """
        # If the worker has ended, reading its answer raises an error with its output.
        with contextlib.suppress(BrokenPipeError):
            self._questions.write(json.dumps(question) + "\n")
            self._questions.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Waits for an answer without a question, such as the first one after a worker has built its model.

        Raises:
            WorkerError: If it has ended.
        """
        line = self._answers.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        output = "\n".join(self._errors.read().splitlines()[-20:])
        self.close()
        raise WorkerError(f"{self.name}: ended with exit status {code}:\n{output}")

    def close(self) -> None:
        """Ends the worker, if it has not ended."""
        with contextlib.suppress(BrokenPipeError):
            self._questions.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._errors.close()

    def __exit__(self, *error: object) -> None:
        """Ends the worker."""
        self.close()
