"""Drift of a text: what has moved between two texts, and how far; the file `drift.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ...errors import SettingError, escape, messages
from ...exported.slices import LENGTH_NAMES
from ...exported.text_statistics import TextStatistics
from .options import DriftOptions

FILE = "drift.json"

TOKENS_PER_LINE, UNKNOWN_SHARE, LENGTH_SHARE = "tokens_per_line", "unknown_share", "length_share"


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """Something that has moved too far.

    Attributes:
        measure: `tokens_per_line`, `unknown_share` or `length_share`.
        sentence: What moved, from where to where, the threshold and the remedy; a template of `SettingError`.
        distance: How far it moved.
        threshold: How far it may move.
    """

    measure: str
    sentence: str
    distance: float
    threshold: float


@dataclasses.dataclass(frozen=True)
class Drift:
    """A text compared with that of a model.

    Attributes:
        model: The folder of the model; empty if none is served.
        unmeasured: Why nothing was compared; empty if something was.
        before: The text that the model was trained on, in its own vocabulary; None if nothing was compared.
        now: The new text, in the same vocabulary; None if nothing was compared.
        anomalies: What has moved too far.
    """

    model: str
    unmeasured: str = ""
    before: TextStatistics | None = None
    now: TextStatistics | None = None
    anomalies: tuple[Anomaly, ...] = ()

    def values(self) -> list[tuple[str, float, float]]:
        """Returns each measure with its values before and now: tokens per line, and shares from 0 to 1."""
        if self.before is None or self.now is None:
            return []
        before, now = self.before, self.now
        return [
            (TOKENS_PER_LINE, before.tokens_per_line, now.tokens_per_line),
            (UNKNOWN_SHARE, before.unknown_share, now.unknown_share),
            *((name, before.length_share(name), now.length_share(name)) for name in LENGTH_NAMES),
        ]

    def as_json(self, name_of: Callable[[str], str]) -> dict[str, Any]:
        """Returns the values and the anomalies, for programs.

        Args:
            name_of: Returns the reader's name of a setting.
        """
        pairs = {name: {"before": round(before, 6), "now": round(now, 6)} for name, before, now in self.values()}
        lengths = {name: pairs.pop(name) for name in LENGTH_NAMES if name in pairs}
        return {
            "compared_with": self.model,
            "unmeasured": self.unmeasured,
            **pairs,
            "length_shares": lengths,
            "anomalies": messages((anomaly.sentence for anomaly in self.anomalies), name_of),
        }

    def write(self, uri: str) -> None:
        """Writes `drift.json` into the folder of an artifact."""
        tf.io.gfile.makedirs(uri)
        with tf.io.gfile.GFile(f"{uri}/{FILE}", "w") as file:
            file.write(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, uri: str) -> Drift:
        """Reads what `write` has written.

        Raises:
            SettingError: The folder has no such file, as that of TFX's ExampleValidator.
            ValueError: The file is damaged.
        """
        try:
            with tf.io.gfile.GFile(f"{uri}/{FILE}") as file:
                tree = json.load(file)
            texts = {
                name: None if tree[name] is None else TextStatistics.from_json(tree[name]) for name in ("before", "now")
            }
            anomalies = tuple(Anomaly(**anomaly) for anomaly in tree["anomalies"])
            return cls(tree["model"], tree["unmeasured"], **texts, anomalies=anomalies)
        except tf.errors.NotFoundError as error:
            raise SettingError(
                f"{{anomalies}}={escape(uri)}: has no {FILE}; give the output of a DriftValidator"
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{uri}/{FILE}: is damaged; run DriftValidator again") from error


def find_anomalies(before: TextStatistics, now: TextStatistics, options: DriftOptions) -> tuple[Anomaly, ...]:
    """Compares two texts.

    Args:
        before: The text that the model was trained on.
        now: The new text.
        options: The thresholds.

    Returns:
        At most one anomaly for each threshold.
    """
    found = []
    allowed = options.max_tokens_change
    change = abs(now.tokens_per_line - before.tokens_per_line) / (before.tokens_per_line or 1.0)
    if allowed is not None and change > allowed:
        found.append(
            Anomaly(
                TOKENS_PER_LINE,
                f"tokens per line moved from {before.tokens_per_line:.1f} to {now.tokens_per_line:.1f}, by "
                f"{_percent(change)}; {{max_tokens_change}} allows {_percent(allowed)}. Check how the new text is "
                "split into lines; if it is meant to be so, raise {max_tokens_change}",
                change,
                allowed,
            )
        )
    allowed = options.max_unknown_rise
    rise = now.unknown_share - before.unknown_share
    if allowed is not None and rise > allowed:
        found.append(
            Anomaly(
                UNKNOWN_SHARE,
                f"words that the served model does not know rose from {_percent(before.unknown_share)} to "
                f"{_percent(now.unknown_share)} of the text; {{max_unknown_rise}} allows {_points(allowed)} more. "
                "Check the language, spelling and encoding of the new text; if it is meant to be so, raise "
                "{max_unknown_rise}",
                rise,
                allowed,
            )
        )
    allowed = options.max_length_share_change
    moved = max(LENGTH_NAMES, key=lambda name: abs(now.length_share(name) - before.length_share(name)))
    change = abs(now.length_share(moved) - before.length_share(moved))
    if allowed is not None and change > allowed:
        found.append(
            Anomaly(
                LENGTH_SHARE,
                f"lines of {moved} tokens moved from {_percent(before.length_share(moved))} to "
                f"{_percent(now.length_share(moved))} of the lines; {{max_length_share_change}} allows "
                f"{_points(allowed)}. Check how the new text is split into lines, and what was left out of it; if it "
                "is meant to be so, raise {max_length_share_change}",
                change,
                allowed,
            )
        )
    return tuple(found)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(share: float) -> str:
    return f"{100 * share:.1f} percentage points"
