"""Options of the server. Their only definition: types, bounds, defaults and comments."""

from __future__ import annotations

from pydantic import Field, model_validator

from ..settings import Number, Settings, WholeNumber

__all__ = ["Limits", "WatchOptions"]


class Limits(Settings):
    """Limits of a request."""

    # Largest number of bytes of a body; more is answered with 413.
    body_bytes: WholeNumber = Field(1_000_000, ge=1)
    # Largest number of texts, or other rows, of a request; more is answered with 400.
    rows: WholeNumber = Field(256, ge=1)
    # Largest number of tokens of a text, by the model's own tokenizer; more is answered with 400.
    tokens: WholeNumber = Field(4096, ge=1)
    # Longest time in which the headers of a request, its body, or a message of gRPC must arrive, and an answer must be
    # read; longer is answered with 408 or DEADLINE_EXCEEDED, or the connection is closed.
    body_seconds: Number = Field(30.0, gt=0.0, le=86_400.0)
    # Largest number of rows that wait for the model; beyond it, requests are answered with 429. At least `rows`, since
    # a larger request could never be answered.
    waiting_rows: WholeNumber = Field(4096, ge=1)
    # Largest number of values of any one output, such as rows × vocabulary; more is answered with 400. At least
    # `rows` × (`tokens` + 1), so that texts within these two limits can always be scored, each with its `</s>`.
    values: WholeNumber = Field(2**20, ge=1)

    # Largest number of values of all answers that are being made, by a bound before they are known; more requests are
    # answered with 429. At least `values`, so that every request can be answered.
    held_values: WholeNumber = Field(2**23, ge=1)
    # Largest number of connections of each protocol. Beyond it, the one that waits for its client the longest is
    # closed; if none does, a new one is answered with 503.
    connections: WholeNumber = Field(1000, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _large_enough(self) -> Limits:
        # The usual assignment is an error, since settings are frozen.
        object.__setattr__(self, "waiting_rows", max(self.waiting_rows, self.rows))
        object.__setattr__(self, "values", max(self.values, self.rows * (self.tokens + 1)))
        object.__setattr__(self, "held_values", max(self.held_values, self.values, self.body_bytes))
        return self


class WatchOptions(Settings):
    """Options of watching the folder of versions."""

    # Seconds between two looks for a new version; at most a day.
    poll_seconds: Number = Field(1.0, gt=0.0, le=86_400.0)
