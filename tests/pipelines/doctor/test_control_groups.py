"""Limits of control groups, from files as the kernel has them."""

from pathlib import Path

import pytest
from tfx_lm.pipelines.doctor.control_groups import core_limit, memory_limit


@pytest.fixture
def system(tmp_path):
    """A function that writes files below a root, and returns the root."""

    def write(**files: str) -> Path:
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content + "\n")
        return tmp_path

    return write


GROUPS = "sys/fs/cgroup"


def test_version_2(system):
    root = system(
        **{
            "proc/self/cgroup": "0::/pod/own",
            f"{GROUPS}/pod/own/cpu.max": "max 100000",
            f"{GROUPS}/pod/own/memory.max": "8000000000",
            f"{GROUPS}/pod/cpu.max": "150000 100000",
            f"{GROUPS}/pod/memory.max": "4000000000",
        }
    )
    assert (core_limit(root), memory_limit(root)) == (1.5, 4_000_000_000)


def test_version_1_in_a_container_whose_path_is_the_hosts(system):
    root = system(
        **{
            "proc/self/cgroup": "4:memory:/docker/12ab\n2:cpu,cpuacct:/docker/12ab\n0::/",
            f"{GROUPS}/memory/memory.limit_in_bytes": "2000000000",
            f"{GROUPS}/cpu/cpu.cfs_quota_us": "50000",
            f"{GROUPS}/cpu/cpu.cfs_period_us": "100000",
        }
    )
    assert (core_limit(root), memory_limit(root)) == (0.5, 2_000_000_000)


def test_no_limits(system, tmp_path):
    assert (core_limit(tmp_path), memory_limit(tmp_path)) == (None, None)
    root = system(
        **{
            "proc/self/cgroup": "4:memory:/\n1:cpu:/\n0::/",
            f"{GROUPS}/memory/memory.limit_in_bytes": "9223372036854771712",
            f"{GROUPS}/cpu/cpu.cfs_quota_us": "-1",
            f"{GROUPS}/cpu/cpu.cfs_period_us": "100000",
            f"{GROUPS}/cpu.max": "max 100000",
            f"{GROUPS}/memory.max": "max",
        }
    )
    assert (core_limit(root), memory_limit(root)) == (None, None)
