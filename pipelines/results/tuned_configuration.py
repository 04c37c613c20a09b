"""File `tuned.yaml`: the configuration of a run with the best values of its Tuner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ... import atomic_file
from ...components.tuner.results import best_trial
from ..config import PipelineConfig
from .score_texts import score_text

FILE = "tuned.yaml"


def write_tuned_configuration(config: PipelineConfig, summary: dict[str, Any], folder: Path) -> Path | None:
    """Writes a configuration that trains with the best values and tries no others.

    Args:
        config: The configuration of the run. What it leaves to the defaults stays so.
        summary: From `collect.collect_summary`.
        folder: The run's output folder.

    Returns:
        The file, which `--config` takes; None if the run had no Tuner.
    """
    trials = summary.get("tuner")
    if not trials:
        return None
    best = best_trial(trials)
    given = config.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"tuner"})
    given["trainer"] = {**given.get("trainer", {}), **best["values"]}
    # A section of which nothing is given.
    sections = {name: section for name, section in given.items() if section != {}}
    heading = f"# The best trial of {len(trials)}: validation perplexity {score_text(best['perplexity'])}.\n"
    path = folder / FILE
    atomic_file.write_text(path, heading + yaml.safe_dump(sections, sort_keys=False, allow_unicode=True))
    return path
