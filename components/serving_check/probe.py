"""Probe of the serving check, a fresh process: loads a model as a server does and sends it requests.

A script, run by its path, so that nothing of this package or of TFX is imported; it needs TensorFlow only:

    python -I probe.py REQUEST.json RESULT.json

The request: `model` (folder), `texts` (name → text, in base64), `sentences` and their `contexts` (in base64), and
`packages`, the folder in which TensorFlow is installed, which Python does not find by itself if that is the user's. The
result: see `probe`. The process ends when its standard input does.
"""

from __future__ import annotations

import base64
import gc
import importlib.machinery
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# TensorFlow imports the last three if they are there, and a server has none of them.
ABSENT = (
    "apache_beam", "keras", "tensorflow_model_analysis", "tensorflow_transform", "tf_keras", "tfx", "tfx_lm",
    "googleapiclient", "h5py", "scipy",
)  # fmt: skip
SIGNATURES = ("serving_default", "score", "next_word", "tokenize", "step", "evaluate")
# Only of a model that reads what came before a line.
IN_CONTEXT = "score_in_context"
_ALL_IN_CONTEXT = {IN_CONTEXT, "next_word_in_context"}
# Largest relative difference between the losses of a sentence alone, with other clients, and in a batch.
AGREEMENT = 1e-5
CANDIDATES = 5
START_ID = 2
CLIENTS = 8
TIMED_REQUESTS = 100


class _Absent:
    """Makes packages look as if they were not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name.split(".")[0] in ABSENT else None  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        raise ModuleNotFoundError(f"{spec.name}: must not be needed to serve the model", name=spec.name)

    def exec_module(self, module: Any) -> None:
        raise ModuleNotFoundError(module.__name__)


class Model:
    """A loaded model and the problems of its answers."""

    def __init__(self, path: str):
        # Among what TensorFlow imports there is no garbage; to look for it takes a third of the time.
        gc.disable()
        import tensorflow as tf

        gc.freeze()
        gc.enable()
        self._tf = tf
        self._loaded = tf.saved_model.load(path)
        self._signatures = [*SIGNATURES, *sorted(_ALL_IN_CONTEXT & set(self._loaded.signatures))]
        self.problems: list[str] = []
        missing = [name for name in SIGNATURES if name not in self._loaded.signatures]
        if missing:
            present = ", ".join(sorted(self._loaded.signatures)) or "none"
            self.problems.append(f"no signature {', '.join(missing)} (there are: {present}); export the model again")
        for name, function in self._loaded.signatures.items():
            # TensorFlow Serving with --enable_batching refuses them, also in warm-up requests, and then does not load
            # the version.
            scalars = [key for key, spec in function.structured_input_signature[1].items() if spec.shape.rank == 0]
            self.problems += [
                f"{name}: the input {key} is a scalar, which TensorFlow Serving cannot batch; give it the shape "
                "[batch], with a row for each text, and export the model again"
                for key in scalars
            ]

    def call(self, signature: str, texts: list[bytes], contexts: list[bytes] | None = None) -> dict[str, Any]:
        """Calls a signature with texts, whatever its inputs are; returns the outputs by name, as NumPy arrays.

        A text without a context has itself for one, where there must be one.
        """
        tf = self._tf
        function = self._loaded.signatures[signature]
        inputs = {"text": tf.constant(texts, tf.string)}
        if signature.startswith("next_word"):
            inputs["k"] = tf.fill([len(texts)], CANDIDATES)
        if signature in _ALL_IN_CONTEXT:
            inputs["context"] = tf.constant(texts if contexts is None else contexts, tf.string)
        elif signature == "evaluate":
            inputs = {"examples": tf.constant([_example(tf, text) for text in texts], tf.string)}
        elif signature == "step":
            shape = function.structured_input_signature[1]["states"].shape[1:]
            ids = tf.fill([len(texts), 1], tf.constant(START_ID, tf.int64))
            inputs = {"ids": ids, "states": tf.zeros([len(texts), *shape])}
        return {name: value.numpy() for name, value in function(**inputs).items()}

    def check(self, what: str, texts: list[bytes]) -> None:
        """Sends one batch to every signature; records outputs that are not finite or have the wrong number of rows."""
        import numpy as np

        for signature in self._signatures:
            for name, values in self.call(signature, texts).items():
                if len(values) != len(texts):
                    self.problems.append(f"{signature} of {what}: {len(values)} rows of {name} for {len(texts)} texts")
                elif values.dtype.kind == "f" and not np.isfinite(values).all():
                    self.problems.append(f"{signature} of {what}: {name} is not finite")

    def score(self, texts: list[bytes], contexts: list[bytes]) -> Any:
        """Returns the loss of each text, nats, by the signature `score`, or `score_in_context` if the model has it."""
        return self.call(IN_CONTEXT if IN_CONTEXT in self._signatures else "score", texts, contexts)["nll"]


def _example(tf: Any, text: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
    return tf.train.Example(features=tf.train.Features(feature={"text": feature})).SerializeToString()


def probe(request: dict[str, Any]) -> dict[str, Any]:
    """Loads the model and sends all requests.

    Args:
        request: See the top of this file.

    Returns:
        `problems`: sentences, empty if all is well; `load_seconds`; `latency_ms`: `median` and `p95` for a single
        sentence sent to `score`; `nll`: the loss of each sentence, nats. If a signature is missing or has a scalar
        input, only `problems` and `load_seconds`.
    """
    import numpy as np

    begin = time.perf_counter()
    model = Model(request["model"])
    result: dict[str, Any] = {"load_seconds": time.perf_counter() - begin, "problems": model.problems}
    if model.problems:
        return result
    for what, text in request["texts"].items():
        model.check(what, [base64.b64decode(text)])
    sentences = [base64.b64decode(text) for text in request["sentences"]]
    model.check("one sentence", sentences[:1])
    model.check(f"a batch of {len(sentences)}", sentences)

    contexts = [base64.b64decode(context) for context in request["contexts"]]
    together = model.score(sentences, contexts)
    result["nll"] = together.tolist()
    with ThreadPoolExecutor(CLIENTS) as clients:
        alone = list(
            clients.map(lambda text, context: model.score([text], [context])[0], sentences[: 8 * CLIENTS], contexts)
        )
    expected = together[: len(alone)]
    difference = np.max(np.abs(alone - expected) / np.maximum(np.abs(expected), 1.0))
    # Written so that NaN is a problem too.
    if not difference <= AGREEMENT:
        model.problems.append(f"{CLIENTS} clients at once get scores that differ by {difference:.1e} of the loss")

    milliseconds = []
    for number in range(TIMED_REQUESTS):
        begin = time.perf_counter()
        row = number % len(sentences)
        model.score([sentences[row]], [contexts[row]])
        milliseconds.append(1000 * (time.perf_counter() - begin))
    result["latency_ms"] = {"median": float(np.median(milliseconds)), "p95": float(np.percentile(milliseconds, 95))}
    return result


def _end_with_caller() -> None:
    """Ends this process as soon as its standard input ends: its caller was killed, and nobody waits any longer."""
    os.read(0, 1)
    os._exit(1)


def main(request_file: str, result_file: str) -> None:
    """Reads the request, writes the result. Standard input must stay open until then."""
    threading.Thread(target=_end_with_caller, daemon=True).start()
    sys.meta_path.insert(0, _Absent())
    request = json.loads(Path(request_file).read_text())
    if request["packages"] not in sys.path:
        sys.path.append(request["packages"])
    result = probe(request)
    Path(result_file).write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
