"""Scoring of records on Beam: a process loads the model once and scores texts of similar length together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import apache_beam as beam
from apache_beam.transforms import window
from apache_beam.utils import shared

from ...exported.additive import Additive
from ...exported.exported_model import ExportedModel, load_model
from ...exported.keep import SCORE_NAMES, Keep
from ...exported.scoring import WINDOW_BYTES, WINDOW_LINES, CorpusScore, score_together, scores_of
from ...exported.signatures import SCORE
from ...exported.sums import EvaluationSums
from ...progress import report

# What the names of the scores begin with in a record, beside the record's own names.
PREFIX = "lm_"
SCORE_FIELDS = frozenset(PREFIX + name for name in SCORE_NAMES)

# Bytes of records, whatever they hold besides the text, that wait to be scored together.
_HELD_BYTES = 64 * 2**20

TOTALS_TAG = "scores of the corpus"
_RECORDS_BETWEEN_REPORTS = 50_000


@dataclasses.dataclass(frozen=True)
class BulkScores(Additive):
    """Scores of a corpus; `+` adds those of other records.

    Attributes:
        scored: The scores of all records.
        kept: The scores of those that are kept.
    """

    scored: CorpusScore = dataclasses.field(default_factory=CorpusScore)
    kept: CorpusScore = dataclasses.field(default_factory=CorpusScore)

    def as_json(self) -> dict[str, Any]:
        """Returns `scored` and `kept` as JSON values, each as the last line of `tfx-lm score`."""
        return {"scored": self.scored.as_json(), "kept": self.kept.as_json()}


class RecordFormat(Protocol):
    """How records are read and written; it is sent to each worker."""

    def read(self, element: Any) -> tuple[bytes, bytes]:
        """Returns a record as it waits for its scores, and its text, UTF-8."""

    def write(self, record: bytes, scores: dict[str, Any]) -> bytes:
        """Returns the record with its scores as the file stores it; `scores` are those of `scores_of`, by `PREFIX`."""


class ScoreRecords(beam.DoFn):
    """Scores records and leaves out those that do not fulfil a condition.

    Outputs:
        Main: the kept records with their scores, bytes, in the order in which they came.
        `TOTALS_TAG`: `BulkScores` of each bundle.
    """

    def __init__(self, model: str, record_format: RecordFormat, keep: str) -> None:
        """Configures the step.

        Args:
            model: The folder of a SavedModel, which every worker can read.
            record_format: How records are read and written.
            keep: The condition, see `Keep`.
        """
        self._model = model
        self._format = record_format
        self._keep = Keep(keep)
        self._shared = shared.Shared()
        self._scored_in_process = 0

    def setup(self) -> None:
        """Loads the model once for all workers of a process."""
        self._loaded: ExportedModel = self._shared.acquire(
            lambda: load_model(self._model, signatures=[SCORE]), tag=self._model
        )

    def start_bundle(self) -> None:
        """Starts with nothing: what a bundle sums is kept only if the bundle is."""
        self._records: list[bytes] = []
        self._texts: list[bytes] = []
        self._text_bytes = self._record_bytes = 0
        self._totals = BulkScores()

    def process(self, element: Any) -> Iterator[bytes]:
        """Takes one record; scores as soon as there are enough to find texts of similar length."""
        record, text = self._format.read(element)
        self._records.append(record)
        self._texts.append(text)
        self._text_bytes += len(text)
        self._record_bytes += len(record)
        if len(self._records) >= WINDOW_LINES or self._text_bytes >= WINDOW_BYTES or self._record_bytes >= _HELD_BYTES:
            yield from self._score()

    def finish_bundle(self) -> Iterator[Any]:
        """Scores the rest and gives the sums."""
        for record in self._score():
            yield window.GlobalWindows.windowed_value_at_end_of_window(record)
        totals = window.GlobalWindows.windowed_value_at_end_of_window(self._totals)
        yield beam.pvalue.TaggedOutput(TOTALS_TAG, totals)

    def _score(self) -> Iterator[bytes]:
        records, texts = self._records, self._texts
        self._records, self._texts = [], []
        self._text_bytes = self._record_bytes = 0
        all_sums = score_together(self._loaded, texts)
        kept: list[EvaluationSums] = []
        for record, sums in zip(records, all_sums, strict=True):
            scores = scores_of(sums)
            if self._keep(scores):
                kept.append(sums)
                yield self._format.write(record, {PREFIX + name: value for name, value in scores.items()})
        self._totals += BulkScores(_corpus(all_sums), _corpus(kept))
        self._report(len(records))

    def _report(self, count: int) -> None:
        before, self._scored_in_process = self._scored_in_process, self._scored_in_process + count
        if before // _RECORDS_BETWEEN_REPORTS < self._scored_in_process // _RECORDS_BETWEEN_REPORTS:
            report(f"{self._scored_in_process:,} records scored")


def _corpus(sums: Sequence[EvaluationSums]) -> CorpusScore:
    return CorpusScore(EvaluationSums.merge(sums))
