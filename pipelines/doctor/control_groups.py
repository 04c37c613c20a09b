"""Limits that a container's control groups (Linux, version 1 or 2) set to cores and memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

# Version 1 writes a number near 2^63 for memory without a limit.
_NO_LIMIT = 1 << 60


def core_limit(root: Path = Path("/")) -> float | None:
    """Returns how many cores the control groups of this process let it keep busy; None without a limit.

    Args:
        root: The folder of `proc` and `sys`.
    """
    shares = []
    for folder in _folders("cpu", root):
        for text in _read(folder / "cpu.max"):
            quota, period = text.split()
            shares += [] if quota == "max" else [int(quota) / int(period)]
        for quota, period in zip(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"), strict=False):
            shares += [] if int(quota) <= 0 else [int(quota) / int(period)]
    return min(shares, default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Returns how many bytes the control groups of this process let it use; None without a limit.

    Args:
        root: The folder of `proc` and `sys`.
    """
    texts = [
        text
        for folder in _folders("memory", root)
        for name in ("memory.max", "memory.limit_in_bytes")
        for text in _read(folder / name)
    ]
    return min((int(text) for text in texts if text != "max" and int(text) < _NO_LIMIT), default=None)


def _folders(controller: str, root: Path) -> Iterator[Path]:
    """Yields the folders of a controller's groups: this process's, and those above it, whose limits hold too."""
    top = root / "sys" / "fs" / "cgroup"
    # Lines are `4:memory:/path`, or `0::/path` in version 2. In a container, the path may be the host's, and the
    # container's own group lies at the top.
    for line in "\n".join(_read(root / "proc" / "self" / "cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = top / controller if controllers else top
        own = PurePosixPath(path.lstrip("/"))
        yield from (base / group for group in (own, *own.parents))


def _read(file: Path) -> list[str]:
    """Returns a file's content as the only item; nothing if it cannot be read, as on other systems."""
    with contextlib.suppress(OSError):
        return [file.read_text(encoding="ascii", errors="replace").strip()]
    return []
