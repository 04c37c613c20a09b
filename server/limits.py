"""What a request may cost, and how one that may not be answered ends."""

from __future__ import annotations

import dataclasses
import math


class RequestError(Exception):
    """A request that is the client's mistake, or too much.

    Attributes:
        status: The HTTP status: 4xx, or 503 where the server is ending.
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
        waiting_rows: Most rows that wait for the model; beyond it, requests are answered with 429. At least `rows`,
            since a request of more could never be answered.
        values: Most values of any one output, such as rows × vocabulary; more is answered with 400. At least
            `rows` × `tokens`, so that texts within these two can always be scored.
    """

    body_bytes: int = 1_000_000
    rows: int = 256
    tokens: int = 4096
    body_seconds: float = 30.0
    waiting_rows: int = 4096
    values: int = 2**20

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 < value < math.inf:
                raise ValueError(f"{name}={value}: must be above 0 and finite")
        # Frozen for all others.
        object.__setattr__(self, "waiting_rows", max(self.waiting_rows, self.rows))
        object.__setattr__(self, "values", max(self.values, self.rows * self.tokens))
