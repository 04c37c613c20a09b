"""What a request may cost, and how one that may not be answered ends."""

from __future__ import annotations

import dataclasses


class RequestError(Exception):
    """A request that is the client's mistake, or too much.

    Attributes:
        status: The HTTP status, 4xx.
        message: What is wrong, and the remedy.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Attributes:
        body_bytes: Most bytes of a body; more is answered with 413.
        rows: Most texts, or other rows, of a request; more is answered with 400.
        tokens: Most tokens of a text, by the model's own tokenizer; more is answered with 400.
        body_seconds: Longest time in which a body must arrive; longer is answered with 408.
        waiting_rows: Most rows that wait for the model; beyond it, requests are answered with 429.
    """

    body_bytes: int = 1_000_000
    rows: int = 256
    tokens: int = 4096
    body_seconds: float = 30.0
    waiting_rows: int = 4096

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not value > 0:
                raise ValueError(f"{name}={value}: must be above 0")
