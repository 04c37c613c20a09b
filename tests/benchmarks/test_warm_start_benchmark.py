"""The benchmark of a warm start: its splits and its ratios. Its trainings are those of tests/components/trainer."""

import math
import zlib

import pytest


def test_speeches_of_some_years_by_split(benchmark_module, tmp_path):
    warm_start = benchmark_module("warm_start")
    for year in (2008, 2009, 2010):
        (tmp_path / f"{year}-name.txt").write_text("".join(f"We did {year} things, {n} of them.\n" for n in range(99)))
    lines = warm_start.read_speeches(tmp_path, 2009, 2010)
    assert len(lines["train"]) + len(lines["eval"]) == 198
    assert len(lines["eval"]) > 5
    assert all(zlib.crc32(line.encode()) % 10 == 0 for line in lines["eval"])
    assert not any("2008" in line for line in lines["train"])


def test_the_ratios(benchmark_module):
    warm_start = benchmark_module("warm_start")
    cold = warm_start.Training(80.0, [200.0, 150.0, 120.0, 125.0], old=2.5, new=2.0)
    warm = warm_start.Training(80.0, [118.0, 110.0, 109.0, 109.5], old=2.0, new=1.9)
    assert warm_start.ratios_of(cold, warm) == pytest.approx({"epochs_to_equal": 1 / 3, "new": 0.95, "old": 0.8})
    assert warm_start.ratios_of(warm, cold)["epochs_to_equal"] == math.inf
