"""Drift of a text: what has moved between two texts, and how far; the file `drift.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ...errors import SettingError, escape, messages
from ...exported.beside_bound import beside_bound, plain
from ...exported.slices import LENGTH_NAMES
from ...exported.text_statistics import TextStatistics
from .options import DriftOptions

FILE = "drift.json"

TOKENS_PER_LINE, UNKNOWN_SHARE, LENGTH_SHARE = "tokens_per_line", "unknown_share", "length_share"


# More than the rounding of shares, so that a text that moved by exactly as much as is allowed is no anomaly.
_ROUNDING = 1e-9


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
    if allowed is not None and change > allowed + _ROUNDING:
        first, second = _apart(before.tokens_per_line, now.tokens_per_line, allowed * before.tokens_per_line)
        found.append(
            Anomaly(
                TOKENS_PER_LINE,
                f"tokens per line moved from {first} to {second}, by "
                f"{beside_bound(100 * change, 100 * allowed, '.1f')} %; {{max_tokens_change}} allows "
                f"{_hundredths(allowed)} %. Check how the new text is split into lines; if it is meant to be so, raise "
                "{max_tokens_change}",
                change,
                allowed,
            )
        )
    allowed = options.max_unknown_rise
    rise = now.unknown_share - before.unknown_share
    if allowed is not None and rise > allowed + _ROUNDING:
        first, second = _apart(100 * before.unknown_share, 100 * now.unknown_share, 100 * allowed)
        found.append(
            Anomaly(
                UNKNOWN_SHARE,
                f"words that the served model does not know rose from {first} % to {second} % of the text; "
                f"{{max_unknown_rise}} allows {_hundredths(allowed)} percentage points more. Check the language, "
                "spelling and encoding of the new text; if it is meant to be so, raise {max_unknown_rise}",
                rise,
                allowed,
            )
        )
    allowed = options.max_length_share_change
    moved = max(LENGTH_NAMES, key=lambda name: abs(now.length_share(name) - before.length_share(name)))
    change = abs(now.length_share(moved) - before.length_share(moved))
    if allowed is not None and change > allowed + _ROUNDING:
        first, second = _apart(100 * before.length_share(moved), 100 * now.length_share(moved), 100 * allowed)
        found.append(
            Anomaly(
                LENGTH_SHARE,
                f"lines of {moved} tokens moved from {first} % to {second} % of the lines; {{max_length_share_change}} "
                f"allows {_hundredths(allowed)} percentage points. Check how the new text is split into lines, and "
                "what was left out of it; if it is meant to be so, raise {max_length_share_change}",
                change,
                allowed,
            )
        )
    return tuple(found)


def _hundredths(share: float) -> str:
    """Returns a threshold in hundredths: `5.0`, or with all its digits, `0.25`."""
    text = f"{100 * share:.1f}"
    return text if plain(float(text)) == plain(100 * share) else plain(100 * share)


def _apart(before: float, now: float, allowed: float) -> tuple[str, str]:
    """Returns two numbers with as many digits as show that they differ by more than is allowed."""
    for digits in range(1, 12):
        first, second = f"{before:.{digits}f}", f"{now:.{digits}f}"
        if abs(float(second) - float(first)) > allowed + _ROUNDING:
            break
    return first, second
