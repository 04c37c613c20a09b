"""How a node of a run ended."""

from __future__ import annotations

from dataclasses import dataclass

# `tfx-lm run-node` of a node that the run has done before.
ALREADY_DONE = "ALREADY_DONE"


@dataclass(frozen=True)
class NodeResult:
    """How one node ended.

    Attributes:
        id: The node's id in the pipeline.
        state: COMPLETE, CACHED, FAILED or SKIPPED (not asked for, or behind a node that failed or was skipped).
        seconds: Wall time.
        error: What went wrong, where the state is FAILED.
    """

    id: str
    state: str
    seconds: float
    error: str | None = None
