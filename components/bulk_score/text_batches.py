"""Reading of text files in batches: one Beam step reads, decides about each record and collects those with a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam

from ...text_files.options import RecordOptions
from ..text_example_gen.reading import Bytes, Corpus, ReadFiles
from ..text_example_gen.to_examples import COUNTS_TAG
from .batch import Batcher
from .json_records import JsonRecords, ToRecords

TEXTS = "texts"


class ReadTexts(ReadFiles):
    """Reads ranges of the corpus, see `ReadFiles`; a record is an element neither for Beam nor between its steps.

    Outputs:
        `TEXTS`, main: `Batch`es of the records with a text, if they are asked for.
        `COUNTS_TAG`: `Counts` of each bundle.
    """

    def __init__(
        self,
        files: Sequence[tuple[str, str]],
        sizes: Sequence[int],
        options: RecordOptions,
        text_field: str,
        batches: bool,
    ) -> None:
        """Configures the step.

        Args:
            files: Split ("") and path of each file.
            sizes: Bytes of each, as it is stored.
            options: Which records are dropped, and are not errors.
            text_field: The field or column that holds the text.
            batches: Whether records are given; if not, they are only counted.
        """
        of_field = options.model_copy(update={"text_field": text_field})
        # Whole, also if they are only counted: a column of Parquet besides the text may be damaged.
        super().__init__(files, sizes, of_field, whole=True)
        self._decide = ToRecords(options)
        self._line_field = text_field if options.documents == "record" else ""
        self._batches = batches

    def start_bundle(self) -> None:
        """Starts to count."""
        self._decide.start_bundle()

    def process(
        self,
        element: Corpus,
        tracker: Any = beam.DoFn.RestrictionParam(Bytes()),  # noqa: B008 - how Beam marks it
    ) -> Iterator[Any]:
        """Yields the batches of the records that begin in the tracker's range."""
        batcher = Batcher(JsonRecords(self._line_field))
        for record in super().process(element, tracker):
            for output in self._decide.process([record]):
                if self._batches:
                    yield from batcher.add(output.value)
        yield from batcher.rest()

    def finish_bundle(self) -> Iterator[Any]:
        """Gives the bundle's counts."""
        yield from self._decide.finish_bundle()

    def step(self) -> beam.ParDo:
        """Returns the step that takes `corpus` and has the outputs `TEXTS` and `COUNTS_TAG`."""
        return beam.ParDo(self).with_outputs(COUNTS_TAG, main=TEXTS)
