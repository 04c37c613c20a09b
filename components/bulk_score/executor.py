"""Executor of BulkScore: scores the Examples of each split and writes those that are kept."""

from __future__ import annotations

import json
import logging
import posixpath
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...errors import SettingError, escape
from ...exported.exported_model import context_tokens_of
from ...exported.keep import Keep
from ...exported.signatures import SCORE, check_signature
from ...progress import report
from ..artifacts import Artifacts
from ..empty_folder import empty_folders
from ..example_blocks import read_blocks, write_blocks
from ..examples import split_files, split_names
from ..merge_additive import MergeAdditive
from ..model_path import model_path
from ..normalization import check_as_model_reads
from .batch import ToBatches
from .example_records import ExampleRecords
from .scoring import TOTALS_TAG, BulkScores, ScoreRecords

_log = logging.getLogger(__name__)

KEEP_KEY = "keep"
SCORED_EXAMPLES_KEY = "scored_examples"

# Beside the splits' folders in the artifact: `BulkScores.as_json` of each split by name.
SCORES_FILE = "scores.json"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `BulkScore`."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes the scored splits.

        Args:
            input_dict: `examples` and `model`.
            output_dict: `scored_examples`.
            exec_properties: `keep`; `example_splits`, a JSON list, or null for all splits.

        Raises:
            ValueError: The model or the condition cannot be used, or the examples were read in another normalization
                than the model's; before any work. The condition keeps no record.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        keep = exec_properties[KEEP_KEY]
        Keep(keep)
        model = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
        check_signature(model_path(model), SCORE)
        examples = input_dict[specs.EXAMPLES_KEY]
        check_as_model_reads(examples, model_path(model))
        splits = json_utils.loads(exec_properties[specs.EXAMPLE_SPLITS_KEY])
        splits = split_names(examples) if splits is None else splits
        files = {split: split_files(examples, [split]) for split in splits}

        empty_folders(output_dict)
        scored = artifact_utils.get_single_instance(output_dict[SCORED_EXAMPLES_KEY])
        scored.split_names = artifact_utils.encode_split_names(list(splits))
        report(f"scoring {', '.join(splits)}")
        step = ScoreRecords(model_path(model), ExampleRecords(), keep)
        folders = {split: artifact_utils.get_split_uri([scored], split) for split in splits}
        with self._make_beam_pipeline() as pipeline:
            for split, folder in folders.items():
                outputs = (
                    pipeline
                    | f"Read[{split}]" >> read_blocks(files[split], by_name=False)
                    | f"ToBatches[{split}]" >> beam.ParDo(ToBatches(ExampleRecords()))
                    | f"Score[{split}]" >> beam.ParDo(step).with_outputs(TOTALS_TAG, main="records")
                )
                _ = outputs["records"] | f"Write[{split}]" >> write_blocks(posixpath.join(folder, "data_tfrecord"))
                _ = (
                    outputs[TOTALS_TAG]
                    | f"Merge[{split}]" >> beam.CombineGlobally(MergeAdditive(BulkScores))
                    | f"ToJson[{split}]" >> beam.Map(_as_json)
                    | f"WriteScores[{split}]"
                    >> beam.io.WriteToText(posixpath.join(folder, SCORES_FILE), num_shards=1, shard_name_template="")
                )
        scores = {split: _taken(posixpath.join(folder, SCORES_FILE)) for split, folder in folders.items()}
        _check(scores, keep)
        context = context_tokens_of(model_path(model))
        if context and not any(one["scored"].get("context_tokens") for one in scores.values()):
            _log.warning(
                "no Example has a text in the feature `context`, so each text was scored as the first of a document; "
                "the model reads up to %d tokens before a line",
                context,
            )
        with tf.io.gfile.GFile(posixpath.join(scored.uri, SCORES_FILE), "w") as file:
            file.write(json.dumps(scores))
        examples_utils.set_payload_format(scored, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(scored, "tfrecords_gzip")
        report(
            ", ".join(
                f"{split}: {one['kept']['lines']:,} of {one['scored']['lines']:,} kept" for split, one in scores.items()
            )
        )


def _as_json(scores: BulkScores) -> str:
    return json.dumps(scores.as_json())


def _taken(file: str) -> dict[str, Any]:
    """Reads a split's scores and removes the file: every file in a split's folder counts as its Examples."""
    with tf.io.gfile.GFile(file) as opened:
        scores: dict[str, Any] = json.load(opened)
    tf.io.gfile.remove(file)
    return scores


def _check(scores: dict[str, dict[str, Any]], keep: str) -> None:
    for split, one in scores.items():
        total = one["scored"]
        if total["lines"] and not one["kept"]["lines"]:
            raise SettingError(
                f"{{{KEEP_KEY}}}={escape(repr(keep))}: keeps none of the {total['lines']:,} records of split "
                f"{escape(split)}, whose perplexity is {_shown(total['perplexity'])} and which have "
                f"{_shown(total['bits_per_byte'])} bits per byte together; set another {{{KEEP_KEY}}}"
            )


def _shown(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.4g}"
