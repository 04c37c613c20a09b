"""Report of a benchmark: the machine it ran on, tables of 80 columns for people, and a JSON file."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

OUTPUT_FOLDER = Path(__file__).parents[1] / "out"


def describe_machine() -> dict[str, Any]:
    """Returns the properties of the machine that a result depends on.

    Call it before the benchmark starts: the load average shows other work, which makes results unreliable.
    """
    return {
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "tensorflow": metadata.version("tensorflow"),
    }


@dataclass(frozen=True)
class Report:
    """Contents of the JSON file.

    Attributes:
        name: The benchmark.
        ratios: Ratios by name, the main result.
        figures: All measurements.
        machine: See `describe_machine`.
    """

    name: str
    ratios: Mapping[str, float]
    figures: Mapping[str, Any]
    machine: Mapping[str, Any]

    def publish(self, tables: Sequence[Table], output: Path, console: Console) -> None:
        """Prints the tables and the ratios, and writes the file.

        Args:
            tables: Tables of the figures.
            output: The file; its folder is created.
            console: The console to print on.
        """
        ratios = {name: round(ratio, 3) for name, ratio in self.ratios.items()}
        console.print(*tables, values_table("ratio", ratios))
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps({**asdict(self), "ratios": ratios}, indent=2) + "\n", encoding="utf-8")
        console.print(f"Written: {output}", highlight=False, soft_wrap=True)


def figures_table(texts: Sequence[str], numbers: Sequence[str], **options: Any) -> Table:
    """Returns an empty table.

    Args:
        texts: Titles of the first columns, which hold text.
        numbers: Titles of the other columns.
        **options: Options of rich's `Table`.
    """
    table = Table(*texts, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, **options)
    for title in numbers:
        table.add_column(title, justify="right")
    return table


def values_table(title: str, values: Mapping[str, float]) -> Table:
    """Returns a table of values by name.

    Args:
        title: The table's title.
        values: Values by name, shown with three digits after the point, integers without.
    """
    table = figures_table([title], ["value"])
    for name, value in values.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else f"{value:,.3f}")
    return table
