"""Executor of the Evaluator: evaluates a model with TFX's own, then decides by our gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, json_utils, proto_utils

from ...errors import SettingError, escape
from ...exported.calls_at_once import one_thread_for_each_call
from ...exported.gate import Verdict
from ...exported.gate_options import SENTENCE_LENGTH, UNKNOWN_WORDS, GateOptions
from ...exported.signatures import check_evaluation
from ...exported.token_identity import check_same_case, check_same_normalization, check_same_tokens, same_tokens
from ...progress import report
from ..artifacts import Artifacts
from ..baseline.served import SERVED_DESTINATION_KEY, SERVED_DIGEST_KEY, SERVED_MODEL_KEY
from ..empty_folder import empty_folders
from ..examples import read_records, split_files
from ..in_process import stays_in_process
from ..lineage import record_scores
from ..model_path import holds_model, model_path
from ..normalization import check_as_model_reads
from . import inference as scoring
from . import loaded_models
from .eval_config import eval_config
from .gate_properties import SLICES_KEY, gate_of_run
from .results import decide_by_results, load_results, write_verdict
from .validation import write_validation

__all__ = ["SLICES_KEY", "Executor"]

# A feature that is missing from so many examples counts as a mistake.
EXAMPLES_LOOKED_AT = 1000


class Executor(tfx_executor.Executor):
    """Checks the inputs, evaluates, decides, and writes verdict and blessing."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs the evaluation.

        Args:
            input_dict: `examples`, `model` and optionally `baseline_model`; a baseline whose folder holds no model
                counts as no baseline.
            output_dict: `evaluation` and `blessing`.
            exec_properties: The names of `GateOptions`, `slices` as a JSON list; a missing number switches
                its condition off. `example_splits`, a JSON list.

        Raises:
            ValueError: If a model cannot be used, an option is out of range, a slice does not exist, two models cannot
                be compared, or the examples were read in another normalization than the model's. Raised before any
                work.
        """
        one_thread_for_each_call()
        gate = gate_of_run(exec_properties)
        splits = json_utils.loads(exec_properties[specs.EXAMPLE_SPLITS_KEY])
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        baselines = [item for item in input_dict.get(specs.BASELINE_MODEL_KEY, []) if holds_model(item)]
        evaluation = artifact_utils.get_single_instance(output_dict[specs.EVALUATION_KEY])
        blessing = artifact_utils.get_single_instance(output_dict[specs.BLESSING_KEY])

        files = split_files(input_dict[specs.EXAMPLES_KEY], splits)
        check_as_model_reads(input_dict[specs.EXAMPLES_KEY], model_path(model))
        models = _check(files, model, baselines, gate)
        comparable = all(same_tokens(model_path(model), model_path(baseline)) for baseline in baselines)
        report(f"scoring {', '.join(splits)} with the model{' and its baseline' if baselines else ''}")
        arguments = [str(argument) for argument in self._beam_pipeline_args or ()]
        if not stays_in_process(arguments, without_runner=True):
            # Workers elsewhere load them for themselves.
            models = {}
        empty_folders(output_dict)
        with loaded_models.at_hand(models):
            super().Do(
                {
                    specs.EXAMPLES_KEY: input_dict[specs.EXAMPLES_KEY],
                    specs.MODEL_KEY: [model],
                    **({specs.BASELINE_MODEL_KEY: baselines} if baselines else {}),
                },
                output_dict,
                {
                    specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(eval_config(gate.slices, comparable)),
                    specs.EXAMPLE_SPLITS_KEY: exec_properties[specs.EXAMPLE_SPLITS_KEY],
                    specs.MODULE_PATH_KEY: scoring.__name__,
                },
            )
        verdict, checks = decide_by_results(gate, evaluation.uri)
        write_verdict(evaluation.uri, verdict)
        write_validation(evaluation.uri, verdict.blessed, checks)
        total = load_results(evaluation.uri).get("")
        for artifact in (evaluation, blessing):
            record_scores(artifact, None if total is None else total.candidate, verdict.blessed)
        _bless(blessing, verdict, model, baselines)
        for baseline in input_dict.get(specs.BASELINE_MODEL_KEY, []):
            # The Pusher checks that this one is still served; TFX's own resolvers do not say which one is.
            for key in (SERVED_MODEL_KEY, SERVED_DIGEST_KEY, SERVED_DESTINATION_KEY):
                if baseline.has_custom_property(key):
                    blessing.set_string_custom_property(key, baseline.get_string_custom_property(key))


def _bless(
    blessing: types.Artifact, verdict: Verdict, model: types.Artifact, baselines: Sequence[types.Artifact]
) -> None:
    """Writes the blessing like TFX's own Evaluator, which has no thresholds here to decide by."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    for baseline in baselines:
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if verdict.blessed else constants.NOT_BLESSED_VALUE,
    )
    write_verdict(blessing.uri, verdict)
    name = constants.BLESSED_FILE_NAME if verdict.blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(f"{blessing.uri}/{name}", "")


def _check(
    files: Sequence[str], model: types.Artifact, baselines: Sequence[types.Artifact], gate: GateOptions
) -> dict[str, Any]:
    """Raises errors that the evaluation would raise hours later; an empty split is not one.

    Returns:
        The loaded models, by their folders.
    """
    examples = read_records(files)
    first = next(examples.as_numpy_iterator(), None)
    models = {model_path(model): check_evaluation(model_path(model), "model", first)}
    for baseline in baselines:
        models[model_path(baseline)] = check_evaluation(model_path(baseline), "baseline", first)
        check_same_normalization(model_path(model), model_path(baseline))
        compared = gate.tolerance is not None or gate.slice_tolerance is not None
        if compared:
            check_same_case(model_path(model), model_path(baseline))
        if gate.criterion == "perplexity" and compared:
            check_same_tokens(model_path(model), model_path(baseline))
    wanted = [name for name in gate.slices if name not in (SENTENCE_LENGTH, UNKNOWN_WORDS)]
    if not wanted or first is None:
        return models
    known: set[str] = set()
    for serialized in examples.take(EXAMPLES_LOOKED_AT).as_numpy_iterator():
        known |= tf.train.Example.FromString(serialized).features.feature.keys()
        if known.issuperset(wanted):
            return models
    missing = [name for name in wanted if name not in known]
    raise SettingError(
        f"{{slices}}={escape(missing)}: the examples have no such feature (they have: "
        f"{escape(', '.join(sorted(known)))}); name one of these, {SENTENCE_LENGTH} or {UNKNOWN_WORDS}"
    )
