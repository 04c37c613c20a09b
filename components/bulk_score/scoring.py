"""Scoring of records on Beam: a process loads the model once and scores texts of similar length together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms import window
from apache_beam.utils import shared

from ...exported.additive import Additive
from ...exported.calls_at_once import one_thread_for_each_call
from ...exported.exported_model import ExportedModel, load_model
from ...exported.keep import SCORE_NAMES, Keep
from ...exported.scoring import CorpusScore, score_together, scores_of
from ...exported.signatures import SCORE
from ...exported.sums import EvaluationSums
from ...progress import report
from .batch import Batch, RecordFormat

# What the names of the scores begin with in a record, beside the record's own names.
PREFIX = "lm_"
_CONTEXT_TOKENS = "context_tokens"
SCORE_FIELDS = frozenset(PREFIX + name for name in (*SCORE_NAMES, _CONTEXT_TOKENS))

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


class ScoreRecords(beam.DoFn):
    """Scores batches of records and leaves out records that do not fulfil a condition.

    Outputs:
        Main: the kept records with their scores, in the order in which they came, as `RecordFormat.element`.
        `TOTALS_TAG`: `BulkScores` of each bundle.
    """

    def __init__(self, model: str, record_format: RecordFormat, keep: str) -> None:
        """Configures the step.

        Args:
            model: The folder of a SavedModel, which every worker can read.
            record_format: How records are written.
            keep: The condition, see `Keep`.
        """
        self._model = model
        self._format = record_format
        self._keep = Keep(keep)
        self._shared = shared.Shared()
        self._scored_in_process = 0

    def start_bundle(self) -> None:
        """Starts with nothing: what a bundle sums is kept only if the bundle is."""
        self._totals = BulkScores()

    def process(self, batch: Batch) -> Iterator[Any]:
        """Scores one batch."""
        # Once for all workers of a process, which keep it; not before there is a batch: there may be none.
        self._loaded: ExportedModel = self._shared.acquire(self._load, tag=self._model)
        reads_context = self._loaded.context_tokens > 0
        all_sums = score_together(self._loaded, batch.texts, contexts=batch.contexts if reads_context else None)
        kept: list[EvaluationSums] = []
        written: list[bytes] = []
        for record, sums in zip(batch.records, all_sums, strict=True):
            scores = scores_of(sums)
            if self._keep(scores):
                if reads_context:
                    # Also 0, so that all records have the same names.
                    scores[_CONTEXT_TOKENS] = int(sums.context_tokens)
                kept.append(sums)
                written.append(self._format.write(record, {PREFIX + name: value for name, value in scores.items()}))
        self._totals += BulkScores(_corpus(all_sums), _corpus(kept))
        self._report(len(batch.records))
        if written:
            yield self._format.element(written)

    def _load(self) -> ExportedModel:
        one_thread_for_each_call()
        return load_model(self._model, signatures=[SCORE])

    def finish_bundle(self) -> Iterator[Any]:
        """Gives the sums."""
        totals = window.GlobalWindows.windowed_value_at_end_of_window(self._totals)
        yield beam.pvalue.TaggedOutput(TOTALS_TAG, totals)

    def _report(self, count: int) -> None:
        before, self._scored_in_process = self._scored_in_process, self._scored_in_process + count
        if before // _RECORDS_BETWEEN_REPORTS < self._scored_in_process // _RECORDS_BETWEEN_REPORTS:
            report(f"{self._scored_in_process:,} records scored")


def _corpus(sums: Sequence[EvaluationSums]) -> CorpusScore:
    return CorpusScore(EvaluationSums.merge(sums))
