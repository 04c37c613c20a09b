"""Answers of a worker: lines of JSON on its original standard output.

Standard library only: a worker may run where this package is not installed.
"""

import json
import os
from typing import Any


class Answers:
    """Sends answers to `worker.Worker`. Other output of the process goes to its standard error."""

    def __init__(self) -> None:
        # Libraries may print to standard output.
        self._file = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def send(self, **facts: Any) -> None:
        """Sends one answer of JSON values."""
        self._file.write(json.dumps(facts) + "\n")
        self._file.flush()
