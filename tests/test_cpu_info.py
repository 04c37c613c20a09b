"""The reader of `/proc/cpuinfo`, on files as Linux has them."""

from tfx_lm.cpu_info import first_core

TWO_CORES = """processor\t: 0
model name\t: Some CPU @ 2.10GHz: fast
flags\t\t: fpu avx2 amx_bf16
power management:

processor\t: 1
flags\t\t: fpu
"""


def test_the_first_core_counts(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(TWO_CORES)
    assert first_core(file) == {
        "processor": "0",
        "model name": "Some CPU @ 2.10GHz: fast",
        "flags": "fpu avx2 amx_bf16",
        "power management": "",
    }


def test_arm_and_other_systems(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert first_core(file)["Features"] == "fp asimd bf16"
    assert first_core(tmp_path / "missing") == {}
