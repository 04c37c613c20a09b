"""The graph of a training step has cuDNN's kernel where Keras sees a GPU; traced here, where there is none."""

import pytest
import tensorflow as tf
from tfx_lm.components.trainer import training, untrained_model
from tfx_lm.components.trainer.cudnn import cudnn_obstacles, run_states
from tfx_lm.model import chunked_loss, output_gradients
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.padding import PaddedBatch

pytestmark = pytest.mark.slow

IDS, MASK = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float32)


def small_model(precision="float32"):
    return untrained_model.build_model(TrainerOptions(units=8, embedding_units=8, layers=2, precision=precision), 16, 1)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_on_a_gpu(monkeypatch, precision):
    devices = {"GPU": [tf.config.LogicalDevice("/device:GPU:0", "GPU")]}
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: devices.get(kind, []))
    monkeypatch.setattr(untrained_model, "on_processor", lambda: False)
    for module in (untrained_model, training, chunked_loss, output_gradients):
        monkeypatch.setattr(module, "on_gpu", lambda: True)
    model = small_model(precision)
    step = tf.function(model.train_step).get_concrete_function(PaddedBatch(IDS, IDS, MASK))
    operations = step.graph.get_operations()
    names = [operation.type for operation in operations]
    # One forwards and one backwards for each layer.
    assert (names.count("CudnnRNNV3"), names.count("CudnnRNNBackpropV3")) == (2, 2)
    # In bfloat16 TensorFlow's kernel returns gradients of next to nothing.
    assert {each.get_attr("T") for each in operations if each.type.startswith("CudnnRNN")} == {tf.float32}
    # The processor waits for none of the GPU's results: these operations' shapes depend on values.
    assert not {"Where", "Unique"} & set(names)
    assert cudnn_obstacles(model) == []


def test_obstacles():
    model = small_model()
    assert cudnn_obstacles(model) == []
    model.recurrent[1].use_cudnn = False
    model.recurrent[0].unroll = True
    assert cudnn_obstacles(model) == ["lstm_0: the layer is unrolled", "lstm_1: the layer is told not to use it"]


def test_the_processor_has_a_loop_of_its_own():
    assert run_states(small_model("bfloat16"), [[2, 7, 9], [2, 8, 0]]) is False
