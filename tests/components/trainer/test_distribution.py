"""Which strategy is chosen, and what is said where there is none of the kind."""

import json

import pytest
import tensorflow as tf
from tfx_lm.components.trainer.distribution import choose_strategy, from_chief, is_chief


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("TF_CONFIG", "TPU_NAME", "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS", "COLAB_TPU_ADDR"):
        monkeypatch.delenv(name, raising=False)


def tf_config(workers, task_type="worker", index=0, **other):
    cluster = {"worker": [f"host{i}:2222" for i in range(workers)], **other}
    return json.dumps({"cluster": cluster, "task": {"type": task_type, "index": index}})


def test_one_device_is_tensorflows_default(monkeypatch):
    assert choose_strategy("one_device") is tf.distribute.get_strategy()
    assert choose_strategy("auto") is tf.distribute.get_strategy()
    # A cluster of one worker, as schedulers set it, is one device.
    monkeypatch.setenv("TF_CONFIG", tf_config(1))
    assert choose_strategy("auto") is tf.distribute.get_strategy()


def test_auto_takes_several_gpus(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["", ""] if kind == "GPU" else [])
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind: [tf.config.LogicalDevice(f"/device:GPU:{i}", "GPU") for i in range(2)],
    )
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: devices)
    assert choose_strategy("auto") == choose_strategy("mirrored") == ["/device:GPU:0", "/device:GPU:1"]


def test_mirrored_needs_several_devices():
    with pytest.raises(ValueError, match=r"distribution=mirrored: found only CPU:0, must be several devices"):
        choose_strategy("mirrored")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "TF_CONFIG names 0 workers, must be several; set workers for several on this machine"),
        (tf_config(1), "TF_CONFIG names 1 workers, must be several"),
        ("{", "TF_CONFIG={: JSONDecodeError.* it must be of the form"),
        ("[]", "TF_CONFIG=.*it must be of the form"),
        (json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}), "KeyError.* it must be of the form"),
        (tf_config(2, index=2), "`task` does not name a member of `cluster`"),
        (json.dumps({"cluster": {"worker": "a:1,b:1"}, "task": {"type": "worker", "index": 0}}), "must be of the form"),
        (tf_config(2, chief=[7]), "does not list addresses.* it must be of the form"),
        (tf_config(2, chief=["host0"]), "^TF_CONFIG host0: must be HOST:PORT, such as host1:2222"),
        (tf_config(2, chief=["[::1]:2222"]), r"^TF_CONFIG \[::1\]:2222: must be HOST:PORT"),
        (tf_config(2, "evaluator", evaluator=["host9:2222"]), "task type 'evaluator': only chief and worker train"),
    ],
)
def test_several_workers_need_a_cluster(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message):
        choose_strategy("multi_worker")


def test_workers_cannot_be_set_up_in_a_process_that_has_run_something(monkeypatch):
    tf.constant(1)
    monkeypatch.setenv("TF_CONFIG", tf_config(2))
    with pytest.raises(ValueError, match="start each worker's training in a separate process"):
        choose_strategy("auto")


def test_a_tpu_that_is_not_there_is_an_error_at_once(monkeypatch):
    with pytest.raises(ValueError, match="distribution=tpu: found no TPU; set TPU_NAME"):
        choose_strategy("tpu")
    monkeypatch.setenv("TPU_NAME", "grpc://127.0.0.1:1")
    for name in ("tpu", "auto"):
        with pytest.raises(ValueError, match=r"the TPU grpc://127.0.0.1:1 cannot be used .*; mend or unset TPU_NAME"):
            choose_strategy(name)


def test_without_workers_the_process_is_the_chief():
    strategy = tf.distribute.get_strategy()
    assert is_chief(strategy)
    assert from_chief(strategy, b"abc") == b"abc"
