"""What Linux tells of a processor, in `/proc/cpuinfo`."""

from __future__ import annotations

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


def first_core(file: Path = CPU_INFO) -> dict[str, str]:
    """Returns the fields of the first core, such as `model name` and `flags`, the instructions that programs may use.

    Args:
        file: The file to read.

    Returns:
        Nothing on another system. Arm has `Features` in place of `flags`, and no name.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
