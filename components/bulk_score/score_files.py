"""Scoring of text files on any Beam runner; `tfx-lm bulk-score` runs it."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from ...errors import SettingError, escape
from ...exported.additive import Additive
from ...exported.exported_model import newest_version
from ...exported.keep import Keep
from ...exported.signatures import SCORE, check_signature
from ...progress import report
from ...remote import is_remote
from ...text_files.errors import InputError, UnreadableFileError
from ...text_files.looking import look_at
from ...text_files.options import RecordOptions
from ..merge_additive import MergeAdditive
from ..text_example_gen.files import Pattern, files_of_splits
from ..text_example_gen.input_config import input_base_and_config
from ..text_example_gen.input_counts import Counts
from ..text_example_gen.places import check_place_here
from ..text_example_gen.problems import describe
from ..text_example_gen.reading import open_stored, read_files
from ..text_example_gen.spans import has_span
from ..text_example_gen.to_examples import COUNTS_TAG
from .json_records import RECORDS, JsonRecords, ToRecords
from .scoring import TOTALS_TAG, BulkScores, ScoreRecords

# Files of the output folder: the records, and `BulkScores.as_json`, which is written last.
RECORDS_PREFIX, RECORDS_SUFFIX, SCORES_FILE = "scored", ".jsonl.gz", "scores.json"
_UNFINISHED = ".unfinished"
# What was read, as long as it is not compared.
_COUNTS_FILE = "counts.json"


def score_files(
    model: str,
    patterns: Sequence[str],
    output: str,
    keep: str,
    options: RecordOptions,
    beam_args: Sequence[str],
) -> dict[str, Any]:
    """Scores the records of files and writes those that fulfil a condition, with their scores.

    Args:
        model: A pushed version's folder, or the folder of all versions.
        patterns: Paths and globs of the files, of any types that `tfx-lm run` reads.
        output: The folder to write; it must not exist, or be empty.
        keep: The condition, see `Keep`; empty: all records are written.
        options: The options of reading a record.
        beam_args: Options of the Beam runner.

    Returns:
        `BulkScores.as_json`, which is also written to `SCORES_FILE`.

    Raises:
        ValueError: Model, condition, output or files cannot be used; nothing is left in the output folder.
    """
    Keep(keep)
    folder = newest_version(model)
    check_signature(folder, SCORE)
    # Workers may have another working folder.
    folder = folder if is_remote(folder) else str(Path(folder).absolute())
    files = _files(patterns, options.text_field)
    unfinished = posixpath.join(output, _UNFINISHED)
    try:
        created = not tf.io.gfile.exists(output)
        if not created and (not tf.io.gfile.isdir(output) or tf.io.gfile.listdir(output)):
            raise SettingError(f"{{output}}={escape(output)}: exists already; name a new folder")
        tf.io.gfile.makedirs(unfinished)
    except tf.errors.OpError as error:
        raise SettingError(
            f"{{output}}={escape(output)}: cannot be written ({escape(error.message)}); name a folder that TensorFlow "
            "and Beam write"
        ) from error
    try:
        # Scoring takes long, so the records are read once before, for what cannot be used.
        before = _check(files, unfinished, options, beam_args)
        scores, counts = _score(files, folder, unfinished, keep, options, beam_args)
        if counts != before:
            raise InputError(
                "{files}: have more or fewer records than before they were scored; run again when nobody writes to them"
            )
        for name in tf.io.gfile.listdir(unfinished):
            tf.io.gfile.rename(posixpath.join(unfinished, name), posixpath.join(output, name))
    except BaseException:
        tf.io.gfile.rmtree(output if created else unfinished)
        raise
    tf.io.gfile.rmtree(unfinished)
    with tf.io.gfile.GFile(posixpath.join(output, SCORES_FILE), "w") as file:
        file.write(json.dumps(scores) + "\n")
    return scores


def _files(patterns: Sequence[str], text_field: str) -> list[tuple[str, str]]:
    for pattern in patterns:
        check_place_here("{files}", pattern)
        if has_span(pattern):
            raise InputError(f"{{files}}: {escape(pattern)}: only `tfx-lm run` finds the newest span; name it")
    base, input_config, _, _ = input_base_and_config(patterns, None, {RECORDS: 1})
    found = files_of_splits(
        [Pattern(split.name, "", posixpath.join(base, split.pattern)) for split in input_config.splits]
    )
    if found.unmatched:
        report(f"no file matches {', '.join(found.unmatched)}")
    for _, path in found.files:
        if is_remote(path):
            continue
        try:
            look_at(path, text_field)
        except UnreadableFileError as error:
            raise InputError(f"{escape(path)}: {error.template}") from error
    return found.files


def _check(files: Sequence[tuple[str, str]], output: str, options: RecordOptions, beam_args: Sequence[str]) -> Counts:
    """Counts the records; raises an `InputError` if any cannot be used."""
    counts_file = posixpath.join(output, _COUNTS_FILE)
    with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
        # Whole, since a column of Parquet besides the text may be damaged.
        records = (
            pipeline
            | read_files(files, options.text_field, whole=True)
            | "ToRecords" >> beam.ParDo(ToRecords(options)).with_outputs()
        )
        _write_sum("Counts", records[COUNTS_TAG], Counts, Counts.to_json, counts_file)
    counts = Counts.from_json(_taken(counts_file))
    if problems := describe(counts, options.text_field, open_stored):
        raise InputError(problems)
    if not counts.examples.get(RECORDS):
        raise InputError(f"{{files}}: no text to score ({counts.lines:,} lines read, all of them empty or dropped)")
    return counts


def _score(
    files: Sequence[tuple[str, str]],
    model: str,
    output: str,
    keep: str,
    options: RecordOptions,
    beam_args: Sequence[str],
) -> tuple[dict[str, Any], Counts]:
    """Writes the scored records; returns the scores and what was read."""
    scores_file, counts_file = posixpath.join(output, SCORES_FILE), posixpath.join(output, _COUNTS_FILE)
    with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
        records = (
            pipeline
            | read_files(files, options.text_field, whole=True)
            | "ToRecords" >> beam.ParDo(ToRecords(options)).with_outputs()
        )
        outputs = records[RECORDS] | "Score" >> beam.ParDo(ScoreRecords(model, JsonRecords(), keep)).with_outputs(
            TOTALS_TAG, main="scored"
        )
        _ = outputs["scored"] | "Write" >> beam.io.WriteToText(
            posixpath.join(output, RECORDS_PREFIX), file_name_suffix=RECORDS_SUFFIX, coder=beam.coders.BytesCoder()
        )
        _write_sum("Scores", outputs[TOTALS_TAG], BulkScores, _as_json, scores_file)
        _write_sum("Counts", records[COUNTS_TAG], Counts, Counts.to_json, counts_file)
    return json.loads(_taken(scores_file)), Counts.from_json(_taken(counts_file))


def _as_json(scores: BulkScores) -> str:
    return json.dumps(scores.as_json())


def _write_sum(
    label: str, parts: beam.PCollection, kind: type[Additive], to_json: Callable[[Any], str], output: str
) -> None:
    """Adds the sum of additive values to a pipeline, written to a file."""
    _ = (
        parts
        | f"Merge{label}" >> beam.CombineGlobally(MergeAdditive(kind))
        | f"ToJson{label}" >> beam.Map(to_json)
        | f"WriteSum{label}" >> beam.io.WriteToText(output, num_shards=1, shard_name_template="")
    )


def _taken(file: str) -> str:
    with tf.io.gfile.GFile(file) as opened:
        text: str = opened.read()
    tf.io.gfile.remove(file)
    return text
