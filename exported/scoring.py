"""Scoring of lines and of a whole text, by the model's `score` signature; `tfx-lm score` prints it.

The sums are the Evaluator's and lines are those of the pipeline, so the corpus score of the eval split's text equals
the Evaluator's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..text_files.lines import content
from ..text_files.text import Text
from .additive import Additive
from .batches import MAX_PADDED_BYTES, batches_by_length
from .calls_at_once import call_for_each
from .exported_model import ExportedModel, load_model
from .json_values import json_values
from .signatures import SCORE, SCORE_IN_CONTEXT
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
        "truncated_tokens": 0, "perplexity": 11.9, "bits_per_byte": 0.852}`, with the log-probability in nats, and
        `context_tokens` if a context was read.
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
    model: ExportedModel, texts: Iterable[Text], batch_bytes: int = MAX_PADDED_BYTES
) -> Iterator[LineScore]:
    """Scores numbered texts as they are, as `score_lines` does.

    Args:
        model: See `score_lines`.
        texts: Number and text of each record, from `text_files.texts.read_texts`, and its context if they have one; a
            model that reads none leaves it out.
        batch_bytes: See `score_lines`.

    Yields:
        One score for each text.
    """
    reads_context = model.context_tokens > 0
    for window in _windows(texts):
        contexts = [text.context for text in window] if reads_context else None
        scores = score_together(model, [text.text for text in window], batch_bytes, contexts)
        for text, sums in zip(window, scores, strict=True):
            yield LineScore(text.number, sums)


def score_together(
    model: ExportedModel,
    texts: Sequence[bytes],
    batch_bytes: int = MAX_PADDED_BYTES,
    contexts: Sequence[bytes] | None = None,
) -> list[EvaluationSums]:
    """Scores texts that are in memory, those of similar length in one call of the model.

    Args:
        model: See `score_lines`.
        texts: The texts.
        batch_bytes: See `score_lines`.
        contexts: What the model reads before each text; None: nothing.

    Returns:
        The sums of each text, in the order of the texts.
    """
    scores: dict[int, EvaluationSums] = {}
    lengths = [len(text) for text in texts]
    if contexts is not None:
        lengths = [length + len(context) for length, context in zip(lengths, contexts, strict=True)]

    def outputs_of(rows: np.ndarray) -> dict[str, np.ndarray]:
        text = tf.constant([texts[row] for row in rows], tf.string)
        if contexts is None:
            return model.call(SCORE, text=text)
        context = tf.constant([contexts[row] for row in rows], tf.string)
        return model.call(SCORE_IN_CONTEXT, text=text, context=context)

    for rows, outputs in call_for_each(outputs_of, batches_by_length(lengths, batch_bytes)):
        scores.update(zip(rows.tolist(), EvaluationSums.each_of_outputs(outputs), strict=True))
    return [scores[row] for row in range(len(texts))]


def numbered_texts(lines: Iterable[bytes]) -> Iterator[Text]:
    """Numbers the lines and leaves out blank ones.

    Args:
        lines: See `score_lines`.

    Yields:
        The number, from 1, and the line without its terminator.
    """
    for number, raw in enumerate(lines, start=1):
        line = content(raw, first_of_file=number == 1)
        if line.decode("utf-8", "replace").strip():
            yield Text(number, line)


def _windows(texts: Iterable[Text]) -> Iterator[list[Text]]:
    window: list[Text] = []
    size = 0
    for text in texts:
        window.append(text)
        size += len(text.text) + len(text.context)
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
    if sums.context_tokens:
        finite["context_tokens"] = sums.context_tokens
    counts = ("tokens", "bytes", "oov_tokens", "truncated_tokens", "context_tokens")
    return finite | {name: int(finite[name]) for name in counts if finite.get(name) is not None}
