"""Table of the faults that tests have tried, printed at the end of a test run; also of one in several processes."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console
from rich.table import Table

_KEY = "faults"
COLUMNS = ("faults tried", "survived", "data lost", "bad inputs tried", "tracebacks", "processes left behind")


class Faults:
    """Counts what a test tries, and fails it at the first thing that must be 0."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node

    def _count(self, column: str, number: int = 1) -> None:
        assert column in COLUMNS
        self._node.user_properties.append((_KEY, {column: number}))

    @contextmanager
    def survived(self) -> Iterator[None]:
        """A fault, and all that must hold after it."""
        self._count("faults tried")
        yield
        self._count("survived")

    def bad_input(self) -> None:
        """An input that must be refused."""
        self._count("bad inputs tried")

    @contextmanager
    def no_traceback(self) -> Iterator[None]:
        """A call that may refuse an input, by an error that it catches, and must raise no other."""
        try:
            yield
        except AssertionError:
            raise
        except Exception:
            self._count("tracebacks")
            raise

    def lost(self, what: list) -> None:
        """What is missing or changed of that which was complete: must be empty."""
        self._count("data lost", len(what))
        assert what == []

    def printed(self, text: str) -> None:
        """What a command has printed: must hold no traceback."""
        self._count("tracebacks", text.count("Traceback (most recent call last)"))
        assert "Traceback (most recent call last)" not in text, text

    def left_behind(self, processes: list[str]) -> None:
        """Processes that are alive after a fault: must be empty."""
        self._count("processes left behind", len(processes))
        assert processes == []


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Faults:
    return Faults(request.node)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = (report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, []))
    counts: Counter[str] = Counter()
    for report in reports:
        for key, value in getattr(report, "user_properties", []) if report.when == "call" else []:
            if key == _KEY:
                counts.update(value)
    if counts:
        table = Table(*COLUMNS, title="Faults")
        table.add_row(*(str(counts[column]) for column in COLUMNS))
        console = Console(width=120)
        with console.capture() as capture:
            console.print(table)
        terminalreporter.write("\n" + capture.get())
