"""Evaluates a model with TFX's Evaluator, then decides by our own gate."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, json_utils, path_utils, proto_utils

from ...exported.gate import Gate
from ...exported.signatures import check_evaluation
from ...exported.slices import SENTENCE_LENGTH, UNKNOWN_WORDS
from ...exported.token_identity import check_same_tokens, same_tokens
from . import inference as scoring
from .eval_config import eval_config
from .results import decide_by_results, write_verdict

GATE_KEY = "gate"
SLICES_KEY = "slices"

# A feature that none of so many examples has is taken for a mistake.
EXAMPLES_LOOKED_AT = 1000


class Executor(tfx_executor.Executor):
    """Checks the inputs, evaluates, decides, and writes verdict and blessing."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the evaluation.

        Args:
            input_dict: `examples`, `model` and, maybe, `baseline_model`; a baseline whose folder holds no model
                counts as none.
            output_dict: `evaluation` and `blessing`.
            exec_properties: `gate`, JSON of the arguments of `gate.Gate`; `slices`, JSON of a list of names;
                `example_splits`, JSON of a list.

        Raises:
            ValueError: If a model cannot be used, a slice does not exist, or two perplexities cannot be compared;
                before any work is done.
        """
        gate = Gate(**json.loads(exec_properties[GATE_KEY]))
        slices = json.loads(exec_properties[SLICES_KEY])
        splits = json_utils.loads(exec_properties[specs.EXAMPLE_SPLITS_KEY])
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        baselines = [item for item in input_dict.get(specs.BASELINE_MODEL_KEY, []) if _holds_model(item)]
        evaluation = artifact_utils.get_single_instance(output_dict[specs.EVALUATION_KEY])
        blessing = artifact_utils.get_single_instance(output_dict[specs.BLESSING_KEY])

        _check(input_dict[specs.EXAMPLES_KEY], splits, model, baselines, slices, gate)
        comparable = all(same_tokens(_path(model), _path(baseline)) for baseline in baselines)
        super().Do(
            {
                specs.EXAMPLES_KEY: input_dict[specs.EXAMPLES_KEY],
                specs.MODEL_KEY: [model],
                **({specs.BASELINE_MODEL_KEY: baselines} if baselines else {}),
            },
            output_dict,
            {
                specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(eval_config(slices, comparable)),
                specs.EXAMPLE_SPLITS_KEY: exec_properties[specs.EXAMPLE_SPLITS_KEY],
                specs.MODULE_PATH_KEY: scoring.__name__,
            },
        )
        verdict = decide_by_results(gate, evaluation.uri)
        write_verdict(evaluation.uri, verdict)
        # As TFX's own Evaluator does it, which has no thresholds to decide by here.
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
        for baseline in baselines:
            blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
            blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
        blessing.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BLESSED_KEY,
            constants.BLESSED_VALUE if verdict.blessed else constants.NOT_BLESSED_VALUE,
        )
        name = constants.BLESSED_FILE_NAME if verdict.blessed else constants.NOT_BLESSED_FILE_NAME
        io_utils.write_string_file(f"{blessing.uri}/{name}", "")


def _path(model: types.Artifact) -> str:
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


def _holds_model(model: types.Artifact) -> bool:
    return bool(model.uri) and tf.io.gfile.exists(model.uri) and bool(tf.io.gfile.listdir(model.uri))


def _check(
    examples: list[types.Artifact],
    splits: Sequence[str],
    model: types.Artifact,
    baselines: Sequence[types.Artifact],
    slices: Sequence[str],
    gate: Gate,
) -> None:
    """Finds what would make the evaluation fail, hours later; an empty split is no such case."""
    first = next(_examples(examples, splits), None)
    check_evaluation(_path(model), "model", first)
    for baseline in baselines:
        check_evaluation(_path(baseline), "baseline", first)
        compared = gate.tolerance is not None or gate.slice_tolerance is not None
        if gate.criterion == "perplexity" and compared:
            check_same_tokens(_path(model), _path(baseline))
    wanted = [name for name in slices if name not in (SENTENCE_LENGTH, UNKNOWN_WORDS)]
    if not wanted or first is None:
        return
    there: set[str] = set()
    for serialized in itertools.islice(_examples(examples, splits), EXAMPLES_LOOKED_AT):
        there |= tf.train.Example.FromString(serialized).features.feature.keys()
        if there.issuperset(wanted):
            return
    missing = [name for name in wanted if name not in there]
    raise ValueError(
        f"gate.slices={missing}: the examples have no such feature (they have: {', '.join(sorted(there))}); name "
        f"one of these, {SENTENCE_LENGTH} or {UNKNOWN_WORDS}"
    )


def _examples(examples: list[types.Artifact], splits: Sequence[str]) -> Iterator[bytes]:
    uris = (uri for split in splits for uri in artifact_utils.get_split_uris(examples, split))
    for uri in uris:
        for file in sorted(tf.io.gfile.glob(io_utils.all_files_pattern(uri))):
            compression = "GZIP" if file.endswith(".gz") else ""
            yield from tf.data.TFRecordDataset(file, compression).as_numpy_iterator()
