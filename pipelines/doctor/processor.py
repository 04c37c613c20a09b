"""Processor and memory of this machine, and how much of them this process may use."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import joblib

from ...cpu_info import first_core
from .control_groups import core_limit, memory_limit

# Instructions that decide how fast matrix products are: their names here, and on Linux and macOS.
_INSTRUCTIONS = {
    "AVX2": "avx2",
    "AVX512": "avx512f",
    "bfloat16 (AVX512)": "avx512_bf16",
    "bfloat16 (AMX)": "amx_bf16",
    "bfloat16 (Arm)": "bf16",
}
_MACOS = {"bf16": "hw.optional.arm.FEAT_BF16"}


def describe_processor() -> dict[str, Any]:
    """Returns the processor's name, instructions and cores.

    Returns:
        `name`; `instructions`, those of `_INSTRUCTIONS` that it has; `cores` of the machine; `affinity`, the cores that
        this process may run on (None: the system has no such thing); `limit`, the cores that the control groups let it
        keep busy (None: no limit); `used`, the cores that a training uses.
    """
    flags = _flags()
    return {
        "name": flags.get("name") or platform.processor() or platform.machine(),
        "instructions": [name for name, flag in _INSTRUCTIONS.items() if flag in flags.get("all", "").split()],
        "cores": os.cpu_count(),
        "affinity": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "limit": core_limit(),
        "used": joblib.cpu_count(),
    }


def describe_memory() -> dict[str, int | None]:
    """Returns bytes: `total`, `available` (None: not known) and `limit`, of the control groups (None: no limit)."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = memory_limit()
    available = None
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return {"total": total, "available": available, "limit": None if limit is None or limit >= total else limit}


def _flags() -> dict[str, str]:
    """Returns `name`, and `all` the flags of the processor's instructions."""
    if platform.system() == "Darwin":
        flags = " ".join(flag for flag, key in _MACOS.items() if _sysctl(key) == "1")
        return {"name": _sysctl("machdep.cpu.brand_string"), "all": flags}
    core = first_core()
    return {"name": core.get("model name", ""), "all": core.get("flags", core.get("Features", ""))}


def _sysctl(key: str) -> str:
    with contextlib.suppress(OSError):
        return subprocess.run(["/usr/sbin/sysctl", "-n", key], capture_output=True, text=True).stdout.strip()
    return ""
