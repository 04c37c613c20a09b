"""docs/features.md: each feature is in at most two folders, and its tests in one."""

import re
from pathlib import Path

import tfx_lm

ROOT = Path(tfx_lm.__file__).resolve().parent
PAGE = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")


def features() -> dict[str, tuple[list[str], list[str]]]:
    """The folders and the tests' folders of each feature; rows without folders are headings."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"]
    rows = [(name, *(re.findall("`([^`]+)`", cell) for cell in rest)) for name, *rest in cells[2:]]
    return {name: (folders, tests) for name, folders, tests in rows if folders or tests}


def test_a_feature_has_at_most_two_folders_and_one_of_tests():
    table = features()
    assert len(table) > 40
    wrong = [name for name, (folders, tests) in table.items() if len(folders) not in (1, 2) or len(tests) != 1]
    assert wrong == []


def test_the_folders_exist():
    missing = [
        (name, folder)
        for name, (folders, tests) in features().items()
        for folder in folders + tests
        if not (ROOT / folder).is_dir()
    ]
    assert missing == []


def test_the_folders_of_tests_have_tests():
    empty = [name for name, (_, tests) in features().items() if not list((ROOT / tests[0]).glob("test_*.py"))]
    assert empty == []


def test_every_folder_of_the_package_has_a_feature():
    rooms = [path for path in ROOT.glob("[a-z]*") if (path / "__init__.py").exists()]
    packages = {path.parent.relative_to(ROOT).as_posix() for room in rooms for path in room.rglob("__init__.py")}
    assert packages - {folder for folders, _ in features().values() for folder in folders} == set()
