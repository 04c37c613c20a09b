"""Scoring of lines and of a whole text, by the model's `score` signature; `tfx-lm score` prints it.

The sums are the Evaluator's and lines are those of the pipeline, so the corpus score of the eval split's text equals
the Evaluator's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from ..text_files.lines import content
from .additive import Additive
from .batches import MAX_PADDED_BYTES, batches_by_length
from .exported_model import ExportedModel, load_model
from .json_values import json_values
from .signatures import SCORE
from .sums import EvaluationSums

__all__ = ["CorpusScore", "ExportedModel", "LineScore", "load_model", "score_lines"]

# Lines and bytes read before they are scored: enough to find lines of similar length, little to hold.
WINDOW_LINES = 1000
WINDOW_BYTES = 1_000_000


@dataclasses.dataclass(frozen=True)
class LineScore:
    """The score of one line.

    Attributes:
        line: Its number in the text, from 1; blank lines are counted, but not scored.
        sums: Its sums; `sums.sentences` is 1.
    """

    line: int
    sums: EvaluationSums

    def as_json(self) -> dict[str, Any]:
        """Returns the line as JSON values; NaN and infinity become None.

        Example: `{"line": 3, "log_probability": -12.4, "tokens": 5, "bytes": 21, "oov_tokens": 0,
        "truncated_tokens": 0, "perplexity": 11.9, "bits_per_byte": 0.852}`, with the log-probability in nats.
        """
        return {"line": self.line, **scores_of(self.sums)}


@dataclasses.dataclass(frozen=True)
class CorpusScore(Additive):
    """The score of lines together; `+` adds the score of other lines.

    Attributes:
        sums: The sums of the lines; `sums.sentences` is their number.
    """

    sums: EvaluationSums = dataclasses.field(default_factory=EvaluationSums)

    @classmethod
    def from_line(cls, line: LineScore) -> CorpusScore:
        """Returns the score of one line."""
        return cls(line.sums)

    def as_json(self) -> dict[str, Any]:
        """Returns the corpus as JSON values: `corpus` (true), `lines` scored, then the values of a line."""
        return {"corpus": True, "lines": int(self.sums.sentences), **scores_of(self.sums)}


def score_lines(
    model: ExportedModel, lines: Iterable[bytes], batch_bytes: int = MAX_PADDED_BYTES
) -> Iterator[LineScore]:
    r"""Scores lines in order, streaming: up to 1,000 lines or 1 MB are read before their scores are given.

    As in the pipeline, the `\n` or `\r\n` at the end of a line, a byte order mark before the first line, and lines of
    white space alone are left out. Invalid UTF-8 is scored as it is.

    Args:
        model: From `load_model`, with the signature `score`.
        lines: Lines with or without their terminator, such as a file open for reading bytes.
        batch_bytes: Largest number of rows times bytes of the longest row in one call of the model.

    Yields:
        One score for each line that is not blank.
    """
    yield from score_texts(model, numbered_texts(lines), batch_bytes)


def score_texts(
    model: ExportedModel, texts: Iterable[tuple[int, bytes]], batch_bytes: int = MAX_PADDED_BYTES
) -> Iterator[LineScore]:
    """Scores numbered texts as they are, as `score_lines` does.

    Args:
        model: See `score_lines`.
        texts: Number and text of each record, from `text_files.texts.read_texts`.
        batch_bytes: See `score_lines`.

    Yields:
        One score for each text.
    """
    for window in _windows(texts):
        scores = score_together(model, [text for _, text in window], batch_bytes)
        for (number, _), sums in zip(window, scores, strict=True):
            yield LineScore(number, sums)


def score_together(
    model: ExportedModel, texts: Sequence[bytes], batch_bytes: int = MAX_PADDED_BYTES
) -> list[EvaluationSums]:
    """Scores texts that are in memory, those of similar length in one call of the model.

    Args:
        model: See `score_lines`.
        texts: The texts.
        batch_bytes: See `score_lines`.

    Returns:
        The sums of each text, in the order of the texts.
    """
    scores: dict[int, EvaluationSums] = {}
    for rows in batches_by_length([len(text) for text in texts], batch_bytes):
        outputs = model.call(SCORE, text=tf.constant([texts[row] for row in rows], tf.string))
        scores.update(zip(rows.tolist(), EvaluationSums.each_of_outputs(outputs), strict=True))
    return [scores[row] for row in range(len(texts))]


def numbered_texts(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Numbers the lines and leaves out blank ones.

    Args:
        lines: See `score_lines`.

    Yields:
        The number, from 1, and the line without its terminator.
    """
    for number, raw in enumerate(lines, start=1):
        line = content(raw, first_of_file=number == 1)
        if line.decode("utf-8", "replace").strip():
            yield number, line


def _windows(texts: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    window: list[tuple[int, bytes]] = []
    size = 0
    for number, text in texts:
        window.append((number, text))
        size += len(text)
        if len(window) >= WINDOW_LINES or size >= WINDOW_BYTES:
            yield window
            window, size = [], 0
    if window:
        yield window


def scores_of(sums: EvaluationSums) -> dict[str, Any]:
    """Returns the scores of one or more lines as JSON values, as in `LineScore.as_json`."""
    values: dict[str, Any] = {
        # 0.0 - x, so that nothing scored is 0.0 and not -0.0.
        "log_probability": 0.0 - sums.nll,
        "tokens": sums.tokens,
        "bytes": sums.bytes,
        "oov_tokens": sums.oov_tokens,
        "truncated_tokens": sums.truncated_tokens,
        "perplexity": sums.perplexity,
        "bits_per_byte": sums.bits_per_byte,
    }
    finite = json_values(values)
    counts = ("tokens", "bytes", "oov_tokens", "truncated_tokens")
    return finite | {name: int(finite[name]) for name in counts if finite[name] is not None}
