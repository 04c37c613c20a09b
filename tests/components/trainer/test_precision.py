"""What `precision=auto` stands for on different machines."""

import json
import pathlib

import pytest
import tensorflow as tf
from tfx_lm.components.trainer import precision
from tfx_lm.components.trainer.backup import Backup, TrainingState
from tfx_lm.components.trainer.precision import Precision, choose_precision, read_precision
from tfx_lm.components.trainer.run_fn import agreed_precision, run_fn
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions

AUTO = TrainerOptions(
    embedding_units=3, units=4, layers=1, batch_tokens=10, distribution="one_device", precision="auto"
)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that gives the machine flags of its processor and the compute capabilities of its GPUs."""

    def become(flags=None, gpus=()):
        info = tmp_path / "cpuinfo"
        info.unlink(missing_ok=True)
        if flags is not None:
            info.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\nbogomips: 1\n\nprocessor\t: 1\nflags\t\t: fpu\n")
        monkeypatch.setattr(precision, "CPU_INFO", info)
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: list(gpus) if kind == "GPU" else [])
        monkeypatch.setattr(
            tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": gpu} if gpu else {}
        )
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)

    return become


@pytest.mark.parametrize(
    ("flags", "gpus", "expected"),
    [
        ("avx512f avx512_bf16 amx_bf16", (), "bfloat16, since this processor multiplies it: AMX"),
        ("avx512f avx512_bf16", (), "bfloat16, since this processor multiplies it: AVX512_BF16"),
        ("avx2 avx512f", (), "float32, since this processor has no AMX and no AVX512_BF16"),
        (None, (), "float32, since this processor has no AMX and no AVX512_BF16"),
        ("amx_bf16", ((9, 0), (8, 0)), "bfloat16, since the GPU multiplies it: compute capability 8.0"),
        ("amx_bf16", ((9, 0), (7, 5)), "float32, since a GPU of compute capability 7.5 does not multiply bfloat16"),
        ("amx_bf16", (None,), "float32, since TensorFlow does not say whether the GPU multiplies bfloat16"),
    ],
)
def test_auto_takes_what_the_machine_is_fast_in(machine, flags, gpus, expected):
    machine(flags, gpus)
    distribution = "mirrored" if len(gpus) > 1 else "one_device"
    assert str(choose_precision(AUTO.model_copy(update={"distribution": distribution}))) == expected
    dtype = build_model(AUTO, 9, 10).compute_dtype if not gpus else None
    assert dtype in (None, expected.partition(",")[0])


def test_auto_on_a_tpu_and_without_onednn(machine, monkeypatch):
    machine("amx_bf16")
    assert choose_precision(AUTO.model_copy(update={"distribution": "tpu"})) == ("bfloat16", "a TPU multiplies it")
    monkeypatch.setenv("TPU_NAME", "local")
    assert choose_precision(AUTO).reason == "this processor multiplies it: AMX"
    assert choose_precision(AUTO.model_copy(update={"distribution": "auto"})).reason == "a TPU multiplies it"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert choose_precision(AUTO) == ("float32", "TF_ENABLE_ONEDNN_OPTS turns bfloat16 products off")


def test_only_the_first_gpu_trains_as_one_device(machine):
    machine("", ((9, 0), (7, 5)))
    assert choose_precision(AUTO).reason == "the GPU multiplies it: compute capability 9.0"


@pytest.mark.parametrize("value", ["float32", "bfloat16"])
def test_a_precision_that_is_set_is_taken(machine, value):
    machine("amx_bf16")
    options = AUTO.model_copy(update={"precision": value})
    reason = "it is the default" if value == TrainerOptions().precision else "precision is set to it"
    assert choose_precision(options) == (value, reason)


def test_a_resumed_training_keeps_the_precision_that_it_began_with(machine, tmp_path):
    machine("amx_bf16")

    def backup_in(value):
        return Backup(str(tmp_path / "backup"), {"precision": value})

    def agreed(options=AUTO):
        return agreed_precision(options, backup_in, tf.distribute.get_strategy())

    assert agreed() == Precision("bfloat16", "this processor multiplies it: AMX")
    model = build_model(AUTO, 9, 10)
    backup_in("float32").save(model, TrainingState())
    assert agreed() == Precision("float32", "the training began with it")
    # Only `auto` does that.
    assert agreed(AUTO.model_copy(update={"precision": "bfloat16"})).value == "bfloat16"
    backup_in("bfloat16").save(model, TrainingState())
    assert agreed().value == "bfloat16"


@pytest.mark.slow
def test_training_json_says_what_was_chosen_and_why(machine, corpus, tmp_path):
    machine("amx_bf16")
    fn_args = corpus.fn_args(tmp_path, epochs=1, layers=1, precision="auto")
    run_fn(fn_args)
    document = json.loads((pathlib.Path(fn_args.model_run_dir) / "training.json").read_text())
    assert document["precision"] == {"value": "bfloat16", "reason": "this processor multiplies it: AMX"}
    assert document["options"]["precision"] == "bfloat16"
    assert str(read_precision(fn_args.model_run_dir)) == "bfloat16, since this processor multiplies it: AMX"


def test_a_record_without_the_precision(tmp_path):
    assert read_precision(str(tmp_path)) is None
    (tmp_path / "training.json").write_text(json.dumps({"schema": 1}))
    assert read_precision(str(tmp_path)) is None
