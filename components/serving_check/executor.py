"""Executor of the serving check: sends requests to a fresh process with the model and writes the blessing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, json_utils, path_utils

from ...exported.damage import write_sums
from ...exported.warmup import write_warmup_requests
from ...progress import report
from ..artifacts import Artifacts
from ..evaluator.inference import evaluate
from ..examples import split_files
from ..model_path import model_path
from . import golden, process
from .options import ServingCheckOptions
from .verdict import judge


class Executor(base_executor.BaseExecutor):
    """See `component.ServingCheck`."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Checks the model and writes the blessing.

        Args:
            input_dict: `model`, and `examples` with the splits of `example_splits`.
            output_dict: `blessing`, an InfraBlessing. Its folder gets TFX's file `INFRA_BLESSED` or
                `INFRA_NOT_BLESSED`, the verdict (see `verdict`), and, if the model is blessed, the model with its
                warm-up requests in the folder that TFX's Pusher reads.
            exec_properties: `max_latency_ms`, `timeout_seconds`, and `example_splits`, a JSON list.

        Raises:
            SettingError: If a limit is not a number above 0, or the splits have no examples.
        """
        # A RuntimeParameter's value has not been checked yet.
        options = ServingCheckOptions.parse({name: exec_properties[name] for name in ServingCheckOptions.model_fields})
        model = model_path(artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY]))
        blessing = artifact_utils.get_single_instance(output_dict[specs.BLESSING_KEY])
        splits = json_utils.loads(exec_properties[specs.EXAMPLE_SPLITS_KEY])
        examples = golden.read_examples(split_files(input_dict[specs.EXAMPLES_KEY], splits))
        examples[-1] = golden.in_capitals(examples)
        sentences = [golden.text_of(example) for example in examples]
        contexts = [golden.context_of(example) for example in examples]
        report(f"serving the model in a fresh process, {len(sentences)} sentences")
        answers = process.run_probe(model, golden.TEXTS, sentences, contexts, **options.model_dump())
        expected = None
        if answers.nll is not None:
            with _exact_products():
                expected = evaluate(tf.saved_model.load(model), np.array(examples, object))["nll"]
        verdict = judge(answers, expected)
        fileio.makedirs(blessing.uri)
        if verdict.blessed:
            stamped = path_utils.stamped_model_path(blessing.uri)
            io_utils.copy_dir(model, stamped)
            write_warmup_requests(stamped, sentences, contexts)
            write_sums(stamped)
            blessing.set_int_custom_property("has_model", 1)
        verdict.write(blessing.uri)
        blessing.set_int_custom_property("blessed", int(verdict.blessed))


@contextlib.contextmanager
def _exact_products() -> Iterator[None]:
    """Has a GPU compute in all of float32's digits, as the probe does on the CPU; some leave out half of them."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
