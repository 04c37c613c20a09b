"""docs/odd-inputs.md: each row names a test that exists."""

import ast
import re
from pathlib import Path

import pytest
import tfx_lm

ROOT = Path(tfx_lm.__file__).resolve().parent
PAGE = (ROOT / "docs" / "odd-inputs.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """The cells of each row that is no heading: input, what happens, test."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| Input", "| ---"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.slow
def test_each_row_names_a_test_that_exists():
    missing = []
    for cells in rows():
        path, name = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", cells[-1]).groups()
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        if name not in {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }:
            missing.append(cells[-1])
    assert missing == []


def test_the_page_has_many_rows_of_three_cells():
    assert len(rows()) > 50
    assert [cells for cells in rows() if len(cells) != 3] == []
    assert len({cells[0] for cells in rows()}) == len(rows())
