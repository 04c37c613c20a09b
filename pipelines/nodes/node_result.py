"""Result of a node: its state, time and error."""

from __future__ import annotations

from dataclasses import dataclass

# The state of `tfx-lm run-node` for a node that the run has done before.
ALREADY_DONE = "ALREADY_DONE"


@dataclass(frozen=True)
class NodeResult:
    """The result of one node.

    Attributes:
        id: The node's id in the pipeline.
        state: COMPLETE, CACHED, FAILED, or SKIPPED (excluded from the run, or after a node that failed or was skipped).
        seconds: Wall time.
        error: The error if the state is FAILED.
    """

    id: str
    state: str
    seconds: float
    error: str | None = None
