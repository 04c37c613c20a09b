"""Tables of the page on scale, computed from `docs/scale.json`, which `make bench-scale` wrote.

The page has a comment such as `<!-- scale: measured -->` where a table belongs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

MEASURED = Path(__file__).resolve().parents[1] / "scale.json"
PLACE = re.compile(r"<!-- scale: (\w+) -->")
CORPORA = (10**9, 10**10)


class Slope(NamedTuple):
    """The cost of a stage, from its smallest and its largest corpus.

    Attributes:
        stage: Its name.
        fixed_seconds: Processor time that does not depend on the corpus.
        processor: Seconds of a processor per word.
        wall: Seconds per word on the machine of the measurement.
        disk: Bytes per word that it leaves.
        peak_megabytes: Peak memory with the largest corpus.
    """

    stage: str
    fixed_seconds: float
    processor: float
    wall: float
    disk: float
    peak_megabytes: float


def on_page_markdown(markdown: str, /, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replaces the comments of the page by tables."""
    if page.file.src_uri != "scale.md":
        return markdown
    tables = tables_of(json.loads(MEASURED.read_text(encoding="utf-8")))
    return PLACE.sub(lambda match: tables[match[1]], markdown)


def slopes_of(report: Mapping[str, Any]) -> list[Slope]:
    """Returns the slope of each stage that took measurably longer for the largest corpus than for the smallest."""
    rows = report["figures"]["rows"]
    slopes = []
    for stage in dict.fromkeys(row["stage"] for row in rows):
        own = [row for row in rows if row["stage"] == stage]
        first, last = own[0], own[-1]
        words = last["words"] - first["words"]
        if not words:
            continue
        processor, wall, disk = (
            (last[name] - first[name]) / words for name in ("processor_seconds", "wall_seconds", "disk_megabytes")
        )
        if processor <= 0 or wall <= 0:
            continue
        fixed = first["processor_seconds"] - processor * first["words"]
        # A page of a few bytes less is not the corpus's doing.
        slopes.append(Slope(stage, max(0.0, fixed), processor, wall, max(0.0, 1e6 * disk), last["peak_megabytes"]))
    return slopes


def tables_of(report: Mapping[str, Any]) -> dict[str, str]:
    """Returns the tables by name, in Markdown."""
    slopes = slopes_of(report)
    return {
        "provenance": _provenance(report),
        "corpora": _corpora(report["figures"]["corpora"]),
        "measured": _measured(report["figures"]["rows"]),
        "slopes": _table(
            ["stage", "fixed, s", "µs a word", "bytes a word", "peak MB"],
            [
                [one.stage, f"{one.fixed_seconds:.1f}", f"{1e6 * one.processor:.2f}", f"{one.disk:.2f}",
                 f"{one.peak_megabytes:,.0f}"]
                for one in slopes
            ],
        ),
        "here": _here(slopes),
        "cluster": _cluster(slopes),
    }  # fmt: skip


def _provenance(report: Mapping[str, Any]) -> str:
    machine = report["machine"]
    return (
        f"Measured {report['figures']['date']} on {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}, TensorFlow {machine['tensorflow']}; load average before the start: "
        f"{machine['load_average_before']:.1f}."
    )


def _corpora(corpora: Mapping[str, Mapping[str, float]]) -> str:
    return _table(
        ["corpus", "lines", "words", "distinct words", "MB"],
        [
            [f"{scale}x", f"{one['lines']:,}", f"{one['words']:,}", f"{one['distinct']:,}", f"{one['megabytes']:.1f}"]
            for scale, one in corpora.items()
        ],
    )


def _measured(rows: Sequence[Mapping[str, Any]]) -> str:
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    return _table(
        ["stage", "corpus", "wall s", "processor s", "µs a word", "peak MB", "disk MB"],
        [
            [
                row["stage"], f"{row['scale']}x", f"{row['wall_seconds']:,.1f}", f"{row['processor_seconds']:,.1f}",
                "" if row["microseconds_per_word"] is None else f"{row['microseconds_per_word']:.2f}",
                f"{row['peak_megabytes']:,.0f}", f"{row['disk_megabytes']:,.1f}",
            ]
            for row in sorted(rows, key=lambda row: stages.index(row["stage"]))
        ],
    )  # fmt: skip


def _here(slopes: Sequence[Slope]) -> str:
    """What each corpus takes on the machine of the measurement: a Beam stage keeps one core busy, training all."""
    heads = ["stage"]
    for words in CORPORA:
        heads += [f"{_name(words)}, hours", f"{_name(words)}, GB on disk"]
    body = []
    for one in slopes:
        cells = [one.stage]
        for words in CORPORA:
            seconds = one.wall if one.stage == "Trainer" else one.processor
            cells += [f"{seconds * words / 3600:,.1f}", f"{one.disk * words / 1e9:,.1f}"]
        body.append(cells)
    return _table(heads, body)


def _cluster(slopes: Sequence[Slope]) -> str:
    """Processor hours, and the workers that end within an hour."""
    heads = ["stage"]
    for words in CORPORA:
        heads += [f"{_name(words)}, core hours", f"{_name(words)}, workers for 1 hour"]
    body = []
    for one in slopes:
        if one.stage == "Trainer":
            continue
        cells = [one.stage]
        for words in CORPORA:
            hours = one.processor * words / 3600
            cells += [f"{hours:,.1f}", f"{max(1, -(-hours // 1)):,.0f}"]
        body.append(cells)
    return _table(heads, body)


def _name(words: int) -> str:
    return f"{words // 10**9} billion"


def _table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in body)])
