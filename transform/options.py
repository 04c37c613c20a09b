"""Text options, from a line to its ids. The only definition of their types, bounds, defaults and comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, field_validator, model_validator

from ..errors import SettingError, escape
from ..home_folder import expand_home
from ..settings import LARGEST_WHOLE_NUMBER, Settings, WholeNumber
from ..text_files.normalization import NormalizationOptions

__all__ = [
    "AUTO",
    "MINIMUM_LENGTH",
    "LineOptions",
    "TextOptions",
    "TokenizerKind",
    "VocabularyKind",
    "VocabularyOptions",
]

TokenizerKind = Literal["whitespace", "word", "byte"]
VocabularyKind = Literal["words", "subwords"]

AUTO: Literal["auto"] = "auto"
FEWEST_PIECES = 257
"""Pieces of every vocabulary of subwords: the bytes, and the mark that begins a word."""

MINIMUM_LENGTH = 2
"""With less, a line would have no word before its `</s>`."""

_Length = Annotated[WholeNumber, Field(ge=MINIMUM_LENGTH, strict=True)]


class LineOptions(Settings):
    """Options that split a line into words."""

    # whitespace: split on white space; word: also split off punctuation; byte: one token per byte.
    tokenizer: TokenizerKind = "word"
    # Whether the text is lower-cased before it is split.
    lowercase: bool = True
    # Most tokens of a line, `</s>` included; longer lines are cut. auto: the length that keeps 99.9 % of tokens.
    max_length: Literal["auto"] | _Length = AUTO

    @field_validator("max_length", mode="wrap")
    @classmethod
    def _one_message_for_both_branches(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError as error:
            too_large = isinstance(value, int | float) and value > LARGEST_WHOLE_NUMBER
            bound = f"<= {LARGEST_WHOLE_NUMBER}" if too_large else f">= {MINIMUM_LENGTH}"
            raise SettingError(f"{{max_length}}={escape(value)}: must be {bound}, or {AUTO}") from error


class VocabularyOptions(Settings):
    """Options that select the words with their own id."""

    # words: words that are not in the vocabulary are all `<unk>`; subwords: every word is spelled in pieces learned
    # from the corpus, so that none is unknown.
    kind: VocabularyKind = "words"
    # Most words (beside the four reserved tokens), the most frequent first; null: no limit. With subwords, the number
    # of pieces, 257 fixed ones included.
    size: WholeNumber | None = Field(10000, ge=1)
    # A word must occur this often (with subwords: to be learned from); null: once is enough.
    min_count: WholeNumber | None = Field(None, ge=1)
    # A vocabulary file to use as it is (one word a line, reserved tokens first), so that ids stay stable.
    file: str | None = None
    # baseline: the vocabulary of the served model, so that ids stay the same; size is for the first run, without one.
    from_: Literal["baseline"] | None = Field(None, alias="from")
    # With from or file: up to this many new words of the text, the most frequent first, get the ids after the others.
    grow: WholeNumber = Field(0, ge=0)

    # Beside `from`, which Python reserves.
    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="after")
    def _has_room_for_the_fixed_pieces(self) -> VocabularyOptions:
        if self.kind == "subwords" and self.file is None and (self.size is None or self.size < FEWEST_PIECES):
            size = "null" if self.size is None else self.size
            raise SettingError(
                f"{{vocabulary_size}}={size}: must be >= {FEWEST_PIECES} with {{vocabulary_kind}}=subwords, whose "
                "bytes alone are 256 pieces"
            )
        return self

    @field_validator("file")
    @classmethod
    def _at_home(cls, value: str | None) -> str | None:
        return value and expand_home(value)

    @model_validator(mode="after")
    def _one_source(self) -> VocabularyOptions:
        if self.file is not None and self.from_ is not None:
            raise SettingError("{vocabulary_file} and {vocabulary_from} are both set; keep one of them")
        if self.grow and self.file is None and self.from_ is None:
            raise SettingError(
                f"{{grow}}={self.grow}: there is no vocabulary to grow; set {{vocabulary_from}}=baseline, or "
                "{vocabulary_file}"
            )
        if self.grow and self.kind == "subwords":
            raise SettingError(
                f"{{grow}}={self.grow}: with {{vocabulary_kind}}=subwords no word is unknown; set {{grow}} to 0"
            )
        return self


def check_kind(tokenizer: TokenizerKind, vocabulary: VocabularyOptions) -> None:
    """Refuses subwords of a tokenizer that makes no words.

    Args:
        tokenizer: The tokenizer.
        vocabulary: The options of the vocabulary.

    Raises:
        SettingError: The tokenizer is `byte`, and the kind `subwords`.
    """
    if vocabulary.kind == "subwords" and tokenizer == "byte":
        raise SettingError(
            "{vocabulary_kind}=subwords: {tokenizer}=byte makes no words to split; set {tokenizer} to word or "
            "whitespace, or {vocabulary_kind} to words"
        )


class TextOptions(LineOptions, NormalizationOptions):
    """Options that turn text into ids. Transform, Trainer and Tuner take the same object.

    `normalization` is how the lines were read, which the exported model asks for; Transform itself changes nothing.

    Worked example: `TextOptions(tokenizer="byte", vocabulary={"size": None})` makes every byte a word.
    """

    vocabulary: VocabularyOptions = VocabularyOptions()
    # With `max_length` auto: at most this, such as what a batch of the trainer holds; None: no limit.
    auto_limit: _Length | None = None
    # Most tokens that are read before each line, from the feature `context` of its Example; 0: none.
    context_tokens: WholeNumber = Field(0, ge=0)

    @model_validator(mode="after")
    def _tokenizer_fits_the_vocabulary(self) -> TextOptions:
        check_kind(self.tokenizer, self.vocabulary)
        return self

    @classmethod
    def from_custom_config(cls, custom_config: Mapping[str, Any] | None) -> TextOptions:
        """Reads the options from the `custom_config` of a Transform component, which may have other keys.

        Args:
            custom_config: It must have every option but `auto_limit`, `context_tokens` and `normalization`, since a
                misspelt one would otherwise go unnoticed among the other keys. Options missing from `vocabulary` take
                their defaults.

        Returns:
            The options.

        Raises:
            SettingError: If an option is missing or invalid.
        """
        given = custom_config or {}
        for name in cls.model_fields:
            if name not in given and name not in ("auto_limit", "context_tokens", "normalization"):
                raise SettingError(f"custom_config has no '{name}'; give it to the Transform component")
        return cls.parse({name: given[name] for name in cls.model_fields if name in given})
