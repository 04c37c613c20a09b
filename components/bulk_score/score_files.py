"""Scoring of text files on any Beam runner; `tfx-lm bulk-score` runs it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from ...errors import SettingError, escape
from ...exported.additive import Additive
from ...exported.exported_model import context_tokens_of, newest_version
from ...exported.keep import Keep
from ...exported.signatures import SCORE, check_signature
from ...exported.token_identity import normalization_of
from ...progress import report
from ...remote import is_remote
from ...text_files.documents import Documents, check_documents
from ...text_files.errors import InputError, UnreadableFileError
from ...text_files.file_types import file_type
from ...text_files.looking import look_at
from ...text_files.options import RecordOptions
from ..finished_files import is_temporary
from ..merge_additive import MergeAdditive
from ..text_example_gen.files import Pattern, files_of_splits
from ..text_example_gen.input_config import input_base_and_config
from ..text_example_gen.input_counts import Counts
from ..text_example_gen.places import check_place_here
from ..text_example_gen.problems import describe
from ..text_example_gen.reading import Corpus, open_stored
from ..text_example_gen.spans import has_span
from ..text_example_gen.stored_sizes import stored_sizes
from ..text_example_gen.to_examples import COUNTS_TAG
from .json_records import RECORDS, JsonRecords
from .scoring import TOTALS_TAG, BulkScores, ScoreRecords
from .text_batches import TEXTS, ReadTexts

# Files of the output folder: the records, and `BulkScores.as_json`, which is written last.
RECORDS_PREFIX, RECORDS_SUFFIX, SCORES_FILE = "scored", ".jsonl.gz", "scores.json"
_UNFINISHED = ".unfinished"
# The sums of all workers, until they are read.
_OUTCOME_FILE = "outcome.json"


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
        options: The options of reading a record, without `context_tokens`, which is the model's.
        beam_args: Options of the Beam runner.

    Returns:
        `BulkScores.as_json`, which is also written to `SCORES_FILE`.

    Raises:
        ValueError: Model, condition, output or files cannot be used; nothing is left in the output folder.
    """
    Keep(keep)
    folder = newest_version(model)
    check_signature(folder, SCORE)
    if options.documents != "none":
        options = _in_context(options, folder)
    # Workers may have another working folder.
    folder = folder if is_remote(folder) else str(Path(folder).absolute())
    files = _files(patterns, options.text_field, options.documents)
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
        before, counts, scores = _score(files, folder, unfinished, keep, options, beam_args)
        _check(before, options.text_field)
        if counts != before:
            raise InputError(
                "{files}: have more or fewer records than before they were scored; run again when nobody writes to them"
            )
        for name in itertools.filterfalse(is_temporary, tf.io.gfile.listdir(unfinished)):
            tf.io.gfile.rename(posixpath.join(unfinished, name), posixpath.join(output, name))
    except BaseException:
        tf.io.gfile.rmtree(output if created else unfinished)
        raise
    tf.io.gfile.rmtree(unfinished)
    with tf.io.gfile.GFile(posixpath.join(output, SCORES_FILE), "w") as file:
        file.write(json.dumps(scores) + "\n")
    return scores


def _in_context(options: RecordOptions, model: str) -> RecordOptions:
    """Returns the options with the context that the model reads, as `tfx-lm score` does."""
    tokens = context_tokens_of(model)
    if not tokens:
        raise SettingError(
            f"{{documents}}={options.documents}: {escape(model)} reads no context; leave {{documents}} out"
        )
    return options.model_copy(update={"context_tokens": tokens, "normalization": normalization_of(model)})


def _files(patterns: Sequence[str], text_field: str, documents: Documents) -> list[tuple[str, str]]:
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
        check_documents(documents, file_type(path), path)
        if is_remote(path):
            continue
        try:
            look_at(path, text_field)
        except UnreadableFileError as error:
            raise InputError(f"{escape(path)}: {error.template}") from error
    return found.files


def _check(counts: Counts, text_field: str) -> None:
    if problems := describe(counts, text_field, open_stored):
        raise InputError(problems)
    if not counts.examples.get(RECORDS):
        raise InputError(f"{{files}}: no text to score ({counts.lines:,} lines read, all of them empty or dropped)")


def _score(
    files: Sequence[tuple[str, str]],
    model: str,
    output: str,
    keep: str,
    options: RecordOptions,
    beam_args: Sequence[str],
) -> tuple[Counts, Counts, dict[str, Any]]:
    """Writes the scored records, or none if some records cannot be used.

    Returns:
        What was read before anything was scored, what was read to be scored, and the scores.
    """
    outcome_file = posixpath.join(output, _OUTCOME_FILE)
    sizes = stored_sizes([path for _, path in files])
    check, read = (ReadTexts(files, sizes, options, options.text_field, batches) for batches in (False, True))
    with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
        # Scoring takes long, so all files are read before it, for records that cannot be used. What the second step
        # reads is named by what the first one found, so that no runner begins with it earlier.
        before = (pipeline | beam.Create([check.corpus]) | "Check" >> check.step())[COUNTS_TAG] | (
            "MergeChecked" >> beam.CombineGlobally(MergeAdditive(Counts))
        )
        records = before | "Usable" >> beam.FlatMap(_if_usable, read.corpus) | "Read" >> read.step()
        scored = records[TEXTS] | "Score" >> beam.ParDo(ScoreRecords(model, JsonRecords(), keep)).with_outputs(
            TOTALS_TAG, main="scored"
        )
        _ = scored["scored"] | "Write" >> beam.io.WriteToText(
            posixpath.join(output, RECORDS_PREFIX), file_name_suffix=RECORDS_SUFFIX, coder=beam.coders.BytesCoder()
        )
        _ = (
            (
                before | "Before" >> beam.Map(_before),
                records[COUNTS_TAG] | "Counts" >> beam.Map(_read),
                scored[TOTALS_TAG] | "Scores" >> beam.Map(_scores),
            )
            | beam.Flatten()
            | "Merge" >> beam.CombineGlobally(MergeAdditive(_Outcome))
            | "ToJson" >> beam.Map(_Outcome.to_json)
            | "WriteOutcome" >> beam.io.WriteToText(outcome_file, num_shards=1, shard_name_template="")
        )
    before_json, read_json, scores = json.loads(_taken(outcome_file))
    return Counts.from_json(before_json), Counts.from_json(read_json), scores


@dataclasses.dataclass(frozen=True)
class _Outcome(Additive):
    """What the pipeline tells: the sums of all workers, in one file."""

    before: Counts = dataclasses.field(default_factory=Counts)
    read: Counts = dataclasses.field(default_factory=Counts)
    scores: BulkScores = dataclasses.field(default_factory=BulkScores)

    def to_json(self) -> str:
        return json.dumps([self.before.to_json(), self.read.to_json(), self.scores.as_json()])


def _before(counts: Counts) -> _Outcome:
    return _Outcome(before=counts)


def _read(counts: Counts) -> _Outcome:
    return _Outcome(read=counts)


def _scores(scores: BulkScores) -> _Outcome:
    return _Outcome(scores=scores)


def _if_usable(counts: Counts, corpus: Corpus) -> list[Corpus]:
    return [] if counts.problems or counts.unreadable_files else [corpus]


def _taken(file: str) -> str:
    with tf.io.gfile.GFile(file) as opened:
        text: str = opened.read()
    tf.io.gfile.remove(file)
    return text
