"""What a pruning deleted, for the summary of a run."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Pruned:
    """What a pruning deleted.

    Attributes:
        runs: Runs that lost artifacts.
        artifacts: Artifacts.
        backups: Backups of trainings and searches that no run resumed.
        logs: Log files.
        bytes: Of all these files.
        problems: A sentence for each file that could not be deleted, and for what else stays.
    """

    runs: int = 0
    artifacts: int = 0
    backups: int = 0
    logs: int = 0
    bytes: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)

    def __str__(self) -> str:
        """Returns a sentence."""
        if not (self.artifacts or self.backups or self.logs):
            return "Pruned: nothing; no old run has artifacts that nothing newer needs."
        return (
            f"Pruned: {_counted(self.artifacts, 'artifact')} of {_counted(self.runs, 'old run')}, "
            f"{_counted(self.backups, 'backup')}, {_counted(self.logs, 'log')}: {self.bytes:,} bytes."
        )

    def as_json(self) -> dict[str, int]:
        """Returns the numbers, for `summary.json`."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "problems"}


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
