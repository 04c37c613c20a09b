"""The benchmark of accelerators: what it reads from profiles, and a run on the processor, with XLA."""

import io

import pytest
from rich.console import Console
from tfx_lm.model.options import TrainerOptions


def test_names_of_a_profile(benchmark_module, tmp_path):
    profile = benchmark_module("accelerator_workers.profile")
    (tmp_path / "plugins").mkdir()
    content = b"\x0a\x1cwhile/CudnnRNNV3:CudnnRNNV3\x00\x12\x25void RNN_blockPersist_fp_LSTM<float>\x00\x01abc"
    (tmp_path / "plugins" / "host.xplane.pb").write_bytes(content)
    names = profile.names_that_ran(tmp_path)
    assert names == {"while/CudnnRNNV3:CudnnRNNV3", "%void RNN_blockPersist_fp_LSTM<float>"}
    assert profile.cudnn_evidence(names) == {"ran": True, "kernels": ["RNN_blockPersist_fp_LSTM"]}
    assert profile.cudnn_evidence({"MatMul:MatMul", "lstm_0/while"}) == {"ran": False, "kernels": []}


def test_the_tables_are_readable_on_80_columns(benchmark_module, assert_readable):
    accelerator = benchmark_module("accelerator")
    results = benchmark_module("accelerator_workers.results")
    figures = {
        "rates": [1_234_567.0, 1_334_567.0, 1_434_567.0],
        "memory": {"loaded": 10**9, "peak": 3 * 10**9},
        "device_peak": 12 * 10**9,
        "agreement": {"loss": 2e-7, "gradient": 3e-4},
        "device": {"name": "GPU:0"},
        "cudnn": {"ran": True, "kernels": []},
        "shapes": 14,
        "shape_bound": 24,
        "padding": 0.021,
        "first_seconds": 71.3,
    }
    peer = {"rates": [600_000.0], "device_peak": 10**9, "device": {"name": "NVIDIA H100"}, "first_seconds": 2.0}
    contestants = {**dict.fromkeys(accelerator.CONTESTANTS, figures), **dict.fromkeys(accelerator.PEERS, peer)}
    # Where the processor does not train, it has no more than its device.
    contestants["processor"] = {"rates": [], "device": {"name": "CPU:0"}, "agreement": None}
    phase = {"vocabulary": 33_000, "units": 1024, "tokens": 30_000, "contestants": contestants}
    printed = io.StringIO()
    Console(file=printed, width=80).print(*results.tables({"33k": phase}))
    lines = printed.getvalue().splitlines()
    assert_readable(lines)
    rows = [line.split() for line in lines]
    assert ["float32_xla", "1,334,567", "15", "12,000", "2e-07", "3e-04", "no"] in rows
    assert ["bfloat16_xla", "GPU:0", "yes", "14", "24", "2.1", "71.3"] in rows
    assert ["processor"] in rows and ["processor", "CPU:0"] in rows
    assert ["pytorch", "600,000", "0", "1,000"] in rows
    assert results.ratios({"33k": phase}) == pytest.approx({
        "bfloat16_vs_float32_33k": 1.0, "xla_vs_plain_33k": 1.0, "xla_vs_plain_bfloat16_33k": 1.0,
        "vs_pytorch_33k": 2.224, "vs_pytorch_bfloat16_33k": 2.224,
    }, rel=1e-3)  # fmt: skip


@pytest.mark.slow
def test_a_run_on_the_processor(forked_workers, benchmark_module, text, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    accelerator = benchmark_module("accelerator")
    small = TrainerOptions(embedding_units=8, units=8, layers=1, batch_tokens=64)
    settings = accelerator.Settings({"10k": accelerator.Size(60, small)}, 1)
    report = accelerator.run(text, 1, ["float32_xla"], None, settings, Console(quiet=True))
    found = report.figures["phases"]["10k"]["contestants"]
    assert list(found) == ["processor", "float32_xla"]
    assert found["processor"]["agreement"] is None
    assert max(found["float32_xla"]["agreement"].values()) < 1e-4
    for figures in found.values():
        assert figures["device"]["name"] == "CPU:0"
        assert figures["cudnn"] == {"ran": False, "kernels": []}
        # The profile is not empty.
        assert figures["names"] > 100
        assert figures["loss"] == pytest.approx(3.6, abs=0.6)
        assert figures["shapes"] == 1 < figures["shape_bound"]
        assert figures["rates"][0] > 0
    assert found["float32_xla"]["padding"] >= found["processor"]["padding"]
