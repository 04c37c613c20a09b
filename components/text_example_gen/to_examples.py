"""The step of the pipeline that decides about every record: dropped, refused, or an Example of a split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms import window
from tfx_bsl.coders import example_coder

from ...exported.gate_options import FILE
from ...progress import report
from ...text_files.options import RecordOptions
from ...text_files.parsing import Problem
from ...text_files.problems import has_text
from .input_counts import Counts, first_files
from .overlap import Block, LineDigests
from .record import Record
from .splitting import HashSplit

COUNTS_TAG = "counts of the input"
DIGESTS_TAG = "digests of the lines"
_LINES_BETWEEN_REPORTS = 50_000


class ToExamples(beam.DoFn):
    """Turns lists of records into lists of serialized Examples.

    Outputs:
        One per split, named like it: lists of bytes, each a tf.Example with the feature `text`, and
            `context` and `file` if the options ask for them.
        `COUNTS_TAG`: `Counts` of each bundle.
        `DIGESTS_TAG`: `overlap.Block`s of all lines, where not each line decides about its split.
    """

    def __init__(self, hash_split: HashSplit | None, options: RecordOptions, base: str | None = None) -> None:
        """Configures the step.

        Args:
            hash_split: Decides the split by content; None where the record's file does.
            options: Which records are dropped, and are not errors.
            base: The folder below which the feature `file` names the file; None for no such feature.
        """
        self._hash_split = hash_split
        self._options = options
        self._base = None if base is None else f"{base.rstrip('/')}/"

    def start_bundle(self) -> None:
        """Begins to count: what a bundle counts is kept only if the bundle is."""
        self._lines = 0
        self._empty = 0
        self._dropped: Counter[Problem] = Counter()
        self._with_text = 0
        self._examples: Counter[str] = Counter()
        self._problems: Counter[Problem] = Counter()
        self._problem_files: Counter[tuple[Problem, str]] = Counter()
        self._unreadable: dict[str, str] = {}
        self._digests = LineDigests()

    def process(self, records: Sequence[Record]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Decides about some records."""
        texts: defaultdict[str, list[tuple[Record, str]]] = defaultdict(list)
        for record in records:
            if (text := self._text_of(record)) is not None:
                split = self._hash_split.split_of(record.document or text) if self._hash_split else record.split
                texts[split].append((record, text))
        for split, of_split in texts.items():
            self._examples[split] += len(of_split)
            for output in self.outputs(of_split):
                yield beam.pvalue.TaggedOutput(split, output)
        if not decides_by_line(self._hash_split, self._options):
            yield from self._digest(texts)

    def outputs(self, texts: Sequence[tuple[Record, str]]) -> Iterable[Any]:
        """Returns what records with a text become: one list of serialized Examples."""
        contexts = [record.context for record, _ in texts] if self._options.context_tokens else None
        base = self._base
        files = None if base is None else [record.path.removeprefix(base) for record, _ in texts]
        return [serialized_examples([text for _, text in texts], contexts, files)]

    def _text_of(self, record: Record) -> str | None:
        """Counts a record; returns its text, or None if it becomes no Example."""
        if record.parsed is None:
            self._unreadable[record.path] = record.why_unreadable
            return None
        self._lines += 1
        if self._lines % _LINES_BETWEEN_REPORTS == 0:
            report(f"{self._lines:,} lines read")
        text, problem = record.parsed
        self._with_text += record.has_fields and has_text(record.parsed)
        if problem is not None and self._options.drops(problem):
            self._dropped[problem] += 1
        elif problem is not None:
            self._problems[problem] += 1
            self._problem_files[problem, record.path] += 1
        elif not text or text.isspace():
            self._empty += 1
        else:
            return text
        return None

    def _digest(self, texts: Mapping[str, Sequence[tuple[Record, str]]]) -> Iterator[beam.pvalue.TaggedOutput]:
        for split, of_split in texts.items():
            for _, text in of_split:
                self._digests.add(split, text)
        if self._digests.full:
            for block in self._digests.take():
                yield beam.pvalue.TaggedOutput(DIGESTS_TAG, block)

    def finish_bundle(self) -> Iterator[beam.pvalue.TaggedOutput]:
        """Gives the bundle's counts."""
        counts = Counts(
            lines=self._lines,
            empty_lines_dropped=self._empty,
            invalid_utf8_dropped=self._dropped[Problem.INVALID_UTF8],
            examples=dict(self._examples),
            problems=dict(self._problems),
            problem_files=first_files(self._problem_files),
            unreadable_files=dict(self._unreadable),
            invalid_records_dropped=sum(self._dropped.values()) - self._dropped[Problem.INVALID_UTF8],
            records_with_text=self._with_text,
        )
        yield _at_end(COUNTS_TAG, counts)
        for block in self._digests.take():
            yield _at_end(DIGESTS_TAG, block)


def _at_end(tag: str, value: Counts | Block) -> beam.pvalue.TaggedOutput:
    return beam.pvalue.TaggedOutput(tag, window.GlobalWindows.windowed_value_at_end_of_window(value))


def decides_by_line(hash_split: HashSplit | None, options: RecordOptions) -> bool:
    """Returns whether each line decides about its own split, so that equal lines are in one."""
    return hash_split is not None and options.documents == "none"


def serialized_examples(
    texts: Sequence[str], contexts: Sequence[str] | None = None, files: Sequence[str] | None = None
) -> list[bytes]:
    """Returns a serialized tf.Example for each text: the feature `text`, with contexts `context`, with files `file`."""
    given = {"text": texts, "context": contexts, FILE: files}
    columns = {name: values for name, values in given.items() if values is not None}
    lists = [
        pa.ListArray.from_arrays(
            pa.array(range(len(texts) + 1), pa.int32()),
            pa.array([value.encode("utf-8") for value in values], pa.binary()),
        )
        for values in columns.values()
    ]
    encoder = example_coder.RecordBatchToExamplesEncoder()
    examples: list[bytes] = encoder.encode(pa.RecordBatch.from_arrays(lists, list(columns)))
    return examples
