"""Verdict of the serving check, from the probe's answers and the Evaluator's; kept as a file of the blessing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from ...errors import escape, messages
from .process import LOCALE, ProbeResult

VERDICT_FILE = "serving_check.json"
# Largest relative difference between the evaluated and the served loss of a sentence.
AGREEMENT = 1e-5


@dataclasses.dataclass(frozen=True)
class ServingVerdict:
    """Whether the model may be served.

    Attributes:
        templates: Why not, templates of `SettingError`; empty if it may.
        load_seconds: Time of a fresh process to load it.
        latency_ms: Milliseconds of a request of a single sentence, `median` and `p95`.
        largest_difference: Largest difference from the Evaluator's loss of a sentence, relative (to at least 1 nat).
    """

    templates: tuple[str, ...]
    load_seconds: float | None = None
    latency_ms: dict[str, float] | None = None
    largest_difference: float | None = None

    @property
    def blessed(self) -> bool:
        """Whether nothing speaks against the model."""
        return not self.templates

    @property
    def reasons(self) -> list[str]:
        """Why not, with the names of `ServingCheckOptions`; empty if it may."""
        return messages(self.templates)

    def write(self, folder: str) -> None:
        """Writes the verdict into the blessing's folder, beside TFX's own empty file that names it."""
        content = {"blessed": self.blessed, "reasons": self.reasons, **dataclasses.asdict(self)}
        io_utils.write_string_file(f"{folder}/{VERDICT_FILE}", json.dumps(content, indent=2))
        io_utils.write_string_file(f"{folder}/{'INFRA_BLESSED' if self.blessed else 'INFRA_NOT_BLESSED'}", "")


def judge(answers: ProbeResult, expected: np.ndarray | None) -> ServingVerdict:
    """Compares the served losses with the evaluated ones.

    Args:
        answers: From the probe.
        expected: The Evaluator's loss of each sentence, nats; None if the probe has no losses to compare.
    """
    templates, largest = list(answers.problems), None
    if answers.nll is not None and expected is not None:
        largest = float(np.max(np.abs(answers.nll - expected) / np.maximum(np.abs(expected), 1.0)))
        # Written so that NaN is a reason too.
        if not largest <= AGREEMENT:
            templates.append(
                f"score, under the locale {LOCALE}, differs from the Evaluator by {largest:.1e} of a sentence's loss; "
                "at most 1e-5"
            )
    return ServingVerdict(tuple(templates), answers.load_seconds, answers.latency_ms, largest)


def read_verdict(blessing: str, name_of: Callable[[str], str] = str) -> dict[str, Any]:
    """Reads the verdict from the folder of an InfraBlessing.

    Args:
        blessing: The folder.
        name_of: Returns the name of a setting in the reasons.

    Returns:
        `blessed`, `reasons`, and the other attributes of `ServingVerdict` without `templates`.
    """
    content = _read(blessing)
    # Older verdicts have the reasons alone.
    if (templates := content.pop("templates", None)) is not None:
        content["reasons"] = messages(templates, name_of)
    return content


def read_templates(blessing: str) -> list[str]:
    """Reads why the model may not be served: templates of `SettingError`, from the folder of an InfraBlessing."""
    content = _read(blessing)
    return list(content.get("templates", [escape(reason) for reason in content["reasons"]]))


def _read(blessing: str) -> dict[str, Any]:
    with fileio.open(f"{blessing}/{VERDICT_FILE}") as file:
        content: dict[str, Any] = json.loads(file.read())
    return content
