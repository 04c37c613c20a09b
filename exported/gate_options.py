"""Options of the gate: what a model must show to be blessed. The one definition of their types, bounds and defaults.

It imports neither NumPy nor TensorFlow, so that a command can show defaults and check values at once.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ..errors import SettingError, escape
from ..settings import Number, Settings, WholeNumber

# The score by which two models are compared.
Criterion = Literal["bits_per_byte", "perplexity"]

# Slices that are derived from a sentence; all others are features of the examples.
DerivedSlice = Literal["sentence_length", "unknown_words"]
SENTENCE_LENGTH: DerivedSlice = "sentence_length"
UNKNOWN_WORDS: DerivedSlice = "unknown_words"
# A feature that TextExampleGen adds if asked: the file that a line comes from. Pipelines of `tfx-lm run` have no other.
FILE: Literal["file"] = "file"
PipelineSlice = Literal[DerivedSlice, "file"]


def as_sequence(value: Any) -> Any:
    """Returns a single name as a sequence of one, so that users may leave out the brackets."""
    return (value,) if isinstance(value, str) else value


class GateOptions(Settings):
    """What a model must show to be blessed.

    1. Its perplexity, its bits per byte and its share of unknown words are at most the given bounds.
    2. Beside a baseline: the one-sided 95 % upper bound of how much worse it is, over the same sentences, is at most
       `tolerance`. So an equal model passes if there are enough sentences to show that it is not worse, and chance
       lets a model that is worse by `tolerance` pass in one of twenty cases.
    3. Beside a baseline: in no slice with at least `slice_min_sentences` sentences is it worse by more than
       `slice_tolerance`.

    NaN meets no condition.

    Worked example, tolerance 0.005: a candidate that is 0.1 % worse, at most 0.4 % with 95 % confidence, is blessed;
    one that is 0.1 % worse, at most 0.6 %, is not: score more sentences, or allow more.
    """

    # Largest perplexity per token; null: no bound. One of the two bounds must be given.
    max_perplexity: Number | None = Field(None, gt=1.0)
    # Largest number of bits per byte of text, comparable across vocabularies; null: no bound.
    max_bits_per_byte: Number | None = Field(None, gt=0.0)
    # Largest share of unknown words among the held-out tokens, `</s>` included; null: no bound. A model that knows
    # almost no word has a low perplexity.
    max_unknown: Number | None = Field(0.5, ge=0.0, le=1.0)
    # What candidate and baseline are compared by; perplexity needs the same tokenizer and vocabulary in both.
    criterion: Criterion = "bits_per_byte"
    # How much worse than the baseline it may be, with 95 % confidence over the same sentences, relative:
    # 0.005 = 0.5 %; 0 = it must be shown to be better; null: the baseline is scored, but is no condition.
    tolerance: Number | None = Field(0.005, ge=0.0)
    # What to slice the scores by: sentence_length, unknown_words, file (each held-out file), or features of the
    # examples.
    slices: Annotated[tuple[str, ...], BeforeValidator(as_sequence)] = (SENTENCE_LENGTH, UNKNOWN_WORDS)
    # How much worse than the baseline it may be in any one slice, relative; null: slices are only reported.
    slice_tolerance: Number | None = Field(0.02, ge=0.0)
    # How many sentences a slice must have to count.
    slice_min_sentences: WholeNumber = Field(100, ge=2)

    @model_validator(mode="after")
    def _is_a_gate(self) -> GateOptions:
        if self.max_perplexity is None and self.max_bits_per_byte is None:
            raise SettingError("no threshold; set {max_perplexity} or {max_bits_per_byte}")
        if len(set(self.slices)) < len(self.slices):
            raise SettingError(f"{{slices}}={escape(list(self.slices))}: each must be named once; set {{slices}}")
        if "text" in self.slices:
            raise SettingError(
                f"{{slices}}={escape(list(self.slices))}: every sentence would be its own slice; "
                "remove text from {slices}"
            )
        return self
