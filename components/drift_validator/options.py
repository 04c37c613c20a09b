"""Options of DriftValidator: how far a text may move. Their only definition."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ...errors import SettingError
from ...settings import Number, Settings

THRESHOLDS = ("max_tokens_change", "max_unknown_rise", "max_length_share_change")


class DriftOptions(Settings):
    """How far the training text may move away from the text that the served model was trained on.

    Worked example: a text of 20 tokens per line follows one of 16. That is a change of 0.25, and no more than
    `max_tokens_change=0.25` allows.
    """

    # Largest change of the tokens per line, relative: 0.25 = a quarter more or fewer; null: not watched.
    max_tokens_change: Number | None = Field(None, gt=0.0)
    # Largest rise of the share of words that the served model's vocabulary does not hold: 0.05 = from 2 % to 7 %; null:
    # not watched.
    max_unknown_rise: Number | None = Field(None, gt=0.0, le=1.0)
    # Largest change of the share of lines of one length, in tokens (0 to 10, 11 to 20, 21 to 40, 41 to 80, over 80):
    # 0.1 = from 30 % to 20 % or 40 %; null: not watched.
    max_length_share_change: Number | None = Field(None, gt=0.0, le=1.0)
    # A text that has moved further: report says so in summary and report; stop ends the run before the training.
    on_anomaly: Literal["report", "stop"] = "report"

    @model_validator(mode="after")
    def _stops_by_a_threshold(self) -> DriftOptions:
        if self.on_anomaly == "stop" and not self.watches():
            names = ", ".join(f"{{{name}}}" for name in THRESHOLDS)
            raise SettingError(f"{{on_anomaly}}=stop: no threshold; set one of {names}, or {{on_anomaly}} to report")
        return self

    def watches(self) -> bool:
        """Returns whether there is a threshold."""
        return any(getattr(self, name) is not None for name in THRESHOLDS)
