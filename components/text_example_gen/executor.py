"""Reads, checks, splits and writes the Examples in one streaming Beam pipeline."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.example_gen import utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from ...errors import escape
from ...progress import report
from ...text_files.documents import check_documents
from ...text_files.errors import InputError
from ...text_files.file_types import file_type
from ..artifacts import Artifacts
from ..empty_folder import empty_folder
from ..example_blocks import write_blocks
from ..merge_additive import MergeAdditive
from ..normalization import record_normalization
from .content import CONTENT_DIGEST, TEXT_FIELD, content_digest, other_field, stamps
from .driver import resolve
from .input_config import ExecutorOptions, files_of_properties
from .input_counts import Counts
from .overlap import count_also_trained
from .problems import describe
from .properties import DOCUMENTS, UNMATCHED_PATTERNS, properties
from .reading import open_stored, read_files
from .spans import SPANS_KEY, has_span
from .splitting import HashSplit
from .to_examples import COUNTS_TAG, DIGESTS_TAG, ToExamples, decides_by_line

# Beside the splits' folders in the artifact.
COUNTS_FILE = "counts.json"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of `TextExampleGen`.

    Nothing is shuffled: on one worker the Examples come in the order of the files, and no runner has to hold the
    corpus in memory. (The shuffle that TFX's own ExampleGens do costs a local runner 210 MiB more for 45 MiB more
    text, measured; without it nothing.) Training shuffles anyway.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes the splits, or raises and leaves nothing.

        Args:
            input_dict: Nothing.
            output_dict: `examples`: the artifact to fill.
            exec_properties: `input_base`; `input_config`, `output_config` and `custom_config` as JSON.

        Raises:
            InputError: The input cannot be used; the message names files, line numbers and the remedy.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        if has_span(exec_properties[standard_component_specs.INPUT_CONFIG_KEY]):
            # On Kubeflow, no driver ran.
            exec_properties = resolve(dict(exec_properties))
        spans = exec_properties.get(SPANS_KEY)
        if spans and not spans.startswith("["):
            # On Vertex AI, for a node that TFX's own compiler made.
            raise InputError(f"{{spans}}={escape(spans)}: TFX's own driver ran, which knows no such setting; remove it")
        input_config, output_config = example_gen_pb2.Input(), example_gen_pb2.Output()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], input_config)
        proto_utils.json_to_proto(exec_properties[standard_component_specs.OUTPUT_CONFIG_KEY], output_config)
        options = ExecutorOptions.from_json(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY))

        base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        hash_buckets = {split.name: split.hash_buckets for split in output_config.split_config.splits}
        hash_split = HashSplit(hash_buckets) if hash_buckets else None
        split_of = {split.name: options.input_splits.get(split.name, split.name) for split in input_config.splits}
        files, unmatched = files_of_properties(exec_properties)
        for _, path in files:
            check_documents(options.documents, file_type(path), path)
        names = hash_split.names if hash_split else tuple(dict.fromkeys(split_of.values()))
        examples.split_names = artifact_utils.encode_split_names(list(names))
        report(f"reading {len(files):,} files")
        before = stamps(files)
        empty_folder(examples.uri)
        try:
            self._write(files, names, hash_split, options, base, examples)
            counts = _read_counts(examples)
            _check(counts, names, options)
        except BaseException:
            # So that nobody takes a refused corpus for a whole one.
            empty_folder(examples.uri)
            raise
        examples_utils.set_payload_format(examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        if spans:
            _note_spans(examples, exec_properties)
        if unmatched:
            examples.set_string_custom_property(UNMATCHED_PATTERNS, "\n".join(unmatched))
        # A file that was written meanwhile may hold other text than what was read.
        if (digest := content_digest(files)) is not None and stamps(files) == before:
            examples.set_string_custom_property(CONTENT_DIGEST, digest)
        if field := other_field(files, options.text_field):
            examples.set_string_custom_property(TEXT_FIELD, field)
        record_normalization([examples], options.normalization)
        if options.documents != "none":
            examples.set_string_custom_property(DOCUMENTS, options.documents)
        for name, value in properties(counts).items():
            examples.set_int_custom_property(name, value)
        report(", ".join(f"{split} {counts.examples[split]:,} lines" for split in names))

    def _write(
        self,
        files: Sequence[tuple[str, str]],
        names: Sequence[str],
        hash_split: HashSplit | None,
        options: ExecutorOptions,
        base: str,
        examples: types.Artifact,
    ) -> None:
        step = ToExamples(hash_split, options, base if options.file_feature else None)
        with self._make_beam_pipeline() as pipeline:
            outputs = (
                pipeline
                | "ReadFiles" >> read_files(files, options)
                | "ToExamples" >> beam.ParDo(step).with_outputs(COUNTS_TAG, DIGESTS_TAG, *names)
            )
            for name in names:
                prefix = posixpath.join(artifact_utils.get_split_uri([examples], name), "data_tfrecord")
                _ = outputs[name] | f"WriteSplit[{name}]" >> write_blocks(prefix)
            counts = [outputs[COUNTS_TAG]]
            if not decides_by_line(hash_split, options):
                counts.append(count_also_trained(outputs[DIGESTS_TAG]))
            # A file and not Beam's metrics, which count a bundle twice that was tried twice.
            _ = (
                counts
                | "AllCounts" >> beam.Flatten(pipeline=pipeline)
                | "MergeCounts" >> beam.CombineGlobally(MergeAdditive(Counts))
                | "CountsToJson" >> beam.Map(Counts.to_json)
                | "WriteCounts"
                >> beam.io.WriteToText(posixpath.join(examples.uri, COUNTS_FILE), num_shards=1, shard_name_template="")
            )


def _read_counts(examples: types.Artifact) -> Counts:
    with fileio.open(posixpath.join(examples.uri, COUNTS_FILE)) as file:
        return Counts.from_json(file.read())


def _check(counts: Counts, names: Sequence[str], options: ExecutorOptions) -> None:
    problems = describe(counts, options.text_field, open_stored)
    if problems:
        raise InputError(problems)
    empty = [name for name in names if not counts.examples.get(name)]
    if empty:
        invalid = counts.invalid_utf8_dropped + counts.invalid_records_dropped
        dropped = f"{counts.empty_lines_dropped:,} empty and {invalid:,} invalid lines dropped"
        divided = "" if options.documents == "none" else "; {documents} are never divided between splits"
        raise InputError(
            f"split {escape(', '.join(empty))} is empty ({counts.lines:,} lines read, {dropped}{divided}); "
            "give more text, or set {splits}"
        )


def _note_spans(examples: types.Artifact, exec_properties: dict[str, Any]) -> None:
    """Records which spans were read; TFX's own properties, too, if no driver did."""
    spans, fingerprint = exec_properties[SPANS_KEY], exec_properties[utils.FINGERPRINT_PROPERTY_NAME]
    examples.set_string_custom_property(SPANS_KEY, spans)
    examples.set_string_custom_property(utils.FINGERPRINT_PROPERTY_NAME, fingerprint)
    newest = json.loads(spans)[-1]
    for name in (utils.SPAN_PROPERTY_NAME, utils.VERSION_PROPERTY_NAME):
        if newest[name] is not None:
            examples.set_int_custom_property(name, newest[name])
