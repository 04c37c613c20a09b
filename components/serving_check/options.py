"""Options of ServingCheck: time limits. Their only definition."""

from __future__ import annotations

from pydantic import Field

from ...settings import Number, Settings


class ServingCheckOptions(Settings):
    """Limits that a fresh process must keep with the model before the model is pushed."""

    # Longest time that 19 of 20 requests of a single sentence may take, in milliseconds, on this machine's processor.
    max_latency_ms: Number = Field(500.0, gt=0.0)
    # Longest time of the whole process, TensorFlow's import included.
    timeout_seconds: Number = Field(300.0, gt=0.0, le=86_400.0)
