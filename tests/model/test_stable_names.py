"""Equal models are equal files, in whichever process and folder they were made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import tensorflow as tf
from helpers.programs import program
from helpers.programs.export_untrained import export_untrained
from tensorflow.core.protobuf import saved_model_pb2
from tfx_lm.model.stable_names import stabilize_names

FILES = {
    "saved_model.pb", "fingerprint.pb", "assets/vocabulary", "assets.extra/tfx_lm.json",
    "assets.extra/SHA256SUMS", "variables/variables.index",
    "variables/variables.data-00000-of-00001",
}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_equal_models_are_equal_files(corpus, tmp_path):
    shutil.copytree(corpus.transform_output, tmp_path / "another transform")
    command = program("export_untrained", tmp_path / "another transform", tmp_path / "there")
    process = subprocess.Popen(command, env={**os.environ, "PYTHONHASHSEED": "1"}, stderr=subprocess.DEVNULL)
    # As after a training that was resumed: TensorFlow's counter of functions is further on.
    for _ in range(7):
        tf.function(lambda: tf.constant(1)).get_concrete_function()
    export_untrained(corpus.transform_output, str(tmp_path / "here"))
    assert process.wait(300) == 0

    here, there = contents(tmp_path / "here"), contents(tmp_path / "there")
    assert here.keys() == there.keys() == FILES
    assert [name for name in sorted(here) if here[name] != there[name]] == []
    for folder in (corpus.transform_output, str(tmp_path)):
        assert folder.encode() not in here["saved_model.pb"]

    export_untrained(corpus.transform_output, str(tmp_path / "other"), seed=4)
    other = contents(tmp_path / "other")
    # The fingerprint and the sums have a checksum of the weights.
    assert [name for name in sorted(here) if here[name] != other[name]] == [
        "assets.extra/SHA256SUMS",
        "fingerprint.pb",
        "variables/variables.data-00000-of-00001",
        "variables/variables.index",
    ]


@tf.custom_gradient
def doubled(value):
    """Its gradient is another than that of the operations, so that the saved one is told from it."""
    return 2.0 * value, lambda upstream: 7.0 * upstream


class ManyFunctions(tf.Module):
    """A graph that calls functions in all ways: by a loop, by branches, by a call, for a gradient and for a table."""

    def __init__(self):
        super().__init__()
        keys = tf.lookup.KeyValueTensorInitializer(["the", "cat"], [3.0, 4.0])
        self.table = tf.lookup.StaticHashTable(keys, -1.0)
        self.weight = tf.Variable(10.0, name="weight")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([], tf.float32)])
    def score(self, words, scale):
        numbers = self.table.lookup(words)
        _, total = tf.while_loop(
            lambda step, total: step < tf.size(words), lambda step, total: (step + 1, total + numbers[step]), (0, scale)
        )
        total += tf.switch_case(tf.size(words), [lambda: 100.0, lambda: 200.0, lambda: self.weight * 30.0])
        return self.doubled(tf.cond(scale > 0.0, lambda: total, lambda: -total))

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def doubled(self, value):
        return doubled(value)


def test_every_reference_to_a_function_is_renamed(tmp_path):
    module, folder = ManyFunctions(), str(tmp_path / "model")
    tf.saved_model.save(module, folder, signatures={"score": module.score})
    stabilize_names(folder)

    (graph,) = saved_model_pb2.SavedModel.FromString((tmp_path / "model" / "saved_model.pb").read_bytes()).meta_graphs
    library = graph.graph_def.library
    numbers = [int(function.signature.name.rpartition("_")[2]) for function in library.function]
    assert numbers == list(range(len(numbers)))
    (gradient,) = library.registered_gradients
    assert gradient.gradient_func in {function.signature.name for function in library.function}
    nodes = [*graph.graph_def.node, *(node for function in library.function for node in function.node_def)]
    names = {(node.op, node.attr["shared_name"].s) for node in nodes if "shared_name" in node.attr}
    assert names == {("HashTableV2", b"table_0"), ("VarHandleOp", b"weight")}

    loaded, words, scale = tf.saved_model.load(folder), tf.constant(["cat", "the"]), tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(scale)
        score = loaded.score(words, scale)
    # 2 (1 + 4 + 3 + 10 * 30)
    assert score.numpy() == 616.0
    assert tape.gradient(score, scale).numpy() == 7.0
    (answer,) = loaded.signatures["score"](words=tf.constant(["dog"]), scale=scale).values()
    # 2 (1 - 1 + 200)
    assert answer.numpy() == 400.0
