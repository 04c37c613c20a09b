"""The benchmark of the disk format, run as a whole on a small text."""

import pytest


@pytest.mark.slow
def test_the_layouts_hold_the_same_lines(run_benchmark):
    """The benchmark itself compares what they are parsed to."""
    report, lines = run_benchmark("disk_format")
    assert report["figures"]["lines"] == 400
    figures = report["figures"]["max_length"]["128"]
    assert figures["variable"]["bytes_raw"] < figures["padded"]["bytes_raw"] < figures["triple"]["bytes_raw"]
    ratio = figures["triple"]["bytes_raw"] / figures["variable"]["bytes_raw"]
    assert report["ratios"]["triple_bytes_raw_128"] == pytest.approx(ratio, abs=1e-3)
    assert len(report["ratios"]) == 16
    assert any(line.split()[:2] == ["128", "padded"] for line in lines)


def test_three_layouts_of_a_line(benchmark_module):
    """Ids 7, 9, 3 with a length of 4."""
    disk_format = benchmark_module("disk_format")

    variable, padded = (disk_format.features([7, 9, 3], layout, 4)["ids"] for layout in ("variable", "padded"))
    assert list(variable.int64_list.value) == [7, 9, 3]
    assert list(padded.int64_list.value) == [7, 9, 3, 0]
    triple = disk_format.features([7, 9, 3], "triple", 4)
    assert list(triple["inputs"].int64_list.value) == [2, 7, 9, 0]
    assert list(triple["targets"].int64_list.value) == [7, 9, 3, 0]
    assert list(triple["mask"].float_list.value) == [1, 1, 1, 0]
