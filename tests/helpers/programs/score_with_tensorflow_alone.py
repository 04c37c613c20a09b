"""Calls an exported model's signatures where only TensorFlow can be imported."""

import importlib.abc
import importlib.machinery
import json
import sys

ABSENT = ("tfx", "tensorflow_transform", "keras", "tf_keras", "tfx_lm")


class Absent(importlib.abc.Loader):
    """Makes packages look as if they were not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        raise ModuleNotFoundError(spec.name)

    def exec_module(self, module):
        raise ModuleNotFoundError(module.__name__)


sys.meta_path.insert(0, Absent())
import tensorflow as tf

for name in ABSENT:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} can be imported")
model = tf.saved_model.load(sys.argv[1])
lines = json.loads(sys.argv[2])
found = model.signatures["score"](text=tf.constant(lines))
next_words = model.signatures["next_word"](text=tf.constant(lines), k=tf.constant(3))
example = tf.train.Example(
    features=tf.train.Features(
        feature={"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[lines[0].encode()]))}
    )
)
sums = model.signatures["evaluate"](examples=tf.constant([example.SerializeToString()]))
first = model.signatures["tokenize"](text=tf.constant(lines[:1]))["ids"]
states = tf.zeros([1, *model.signatures["step"].structured_input_signature[1]["states"].shape[1:]])
stepped = model.signatures["step"](ids=tf.concat([[[2]], first], axis=1), states=states)
print(
    json.dumps(
        [
            found["nll"].numpy().tolist(),
            next_words["words"].numpy().astype(str).tolist(),
            sums["nll"].numpy().tolist(),
            stepped["log_probabilities"].numpy()[0, 3].item(),
        ]
    )
)
