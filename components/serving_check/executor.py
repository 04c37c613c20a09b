"""The serving check's executor: sends the model's fresh process its requests and writes the blessing."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from ...exported.warmup import write_warmup_requests
from ..evaluator.inference import evaluate
from . import golden, process
from .verdict import judge


class Executor(base_executor.BaseExecutor):
    """See `component.ServingCheck`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks the model and writes the blessing.

        Args:
            input_dict: `model`, and `examples` with the split of `example_split`.
            output_dict: `blessing`, an InfraBlessing. Its folder gets TFX's file `INFRA_BLESSED` or
                `INFRA_NOT_BLESSED`, the verdict (see `verdict`), and, where the model is blessed, the model with its
                warm-up requests, where TFX's Pusher looks for it.
            exec_properties: `max_latency_ms`, `timeout_seconds`, `example_split`.
        """
        model = path_utils.serving_model_path(artifact_utils.get_single_instance(input_dict["model"]).uri)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        split = exec_properties["example_split"]
        folders = [artifact_utils.get_split_uri([examples], split) for examples in input_dict["examples"]]
        examples = golden.read_examples(folders)
        sentences = [golden.text_of(example) for example in examples]
        found = process.run_probe(
            model,
            golden.TEXTS,
            sentences,
            max_latency_ms=exec_properties["max_latency_ms"],
            timeout_seconds=exec_properties["timeout_seconds"],
        )
        expected = None
        if found.nll is not None:
            expected = evaluate(tf.saved_model.load(model), np.array(examples, object))["nll"]
        verdict = judge(found, expected)
        fileio.makedirs(blessing.uri)
        if verdict.blessed:
            stamped = path_utils.stamped_model_path(blessing.uri)
            io_utils.copy_dir(model, stamped)
            write_warmup_requests(stamped, sentences)
            blessing.set_int_custom_property("has_model", 1)
        verdict.write(blessing.uri)
        blessing.set_int_custom_property("blessed", int(verdict.blessed))
