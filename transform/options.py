"""Text options, from a line to its ids. The only definition of their types, bounds, defaults and comments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from ..errors import SettingError, escape
from ..settings import LARGEST_WHOLE_NUMBER, Settings, WholeNumber

__all__ = ["AUTO", "MINIMUM_LENGTH", "LineOptions", "TextOptions", "TokenizerKind", "VocabularyOptions"]

TokenizerKind = Literal["whitespace", "word", "byte"]

AUTO: Literal["auto"] = "auto"
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
    """Options that select the words with their own id; all others are `<unk>`."""

    # Most words (beside the four reserved tokens), the most frequent first; null: no limit.
    size: WholeNumber | None = Field(10000, ge=1)
    # A word must occur this often; null: once is enough.
    min_count: WholeNumber | None = Field(None, ge=1)
    # A vocabulary file to use as it is (one word a line, reserved tokens first), so that ids stay stable.
    file: str | None = None

    @field_validator("file")
    @classmethod
    def _at_home(cls, value: str | None) -> str | None:
        return str(Path(value).expanduser()) if value and value.startswith("~/") else value


class TextOptions(LineOptions):
    """Options that turn text into ids. Transform, Trainer and Report take the same object.

    Worked example: `TextOptions(tokenizer="byte", vocabulary={"size": None})` makes every byte a word.
    """

    vocabulary: VocabularyOptions = VocabularyOptions()
    # With `max_length` auto: at most this, such as what a batch of the trainer holds; None: no limit.
    auto_limit: _Length | None = None

    @classmethod
    def from_custom_config(cls, custom_config: Mapping[str, Any] | None) -> TextOptions:
        """Reads the options from the `custom_config` of a Transform component, which may have other keys.

        Args:
            custom_config: It must have every option but `auto_limit`, since a misspelt one would otherwise go
                unnoticed among the other keys. Options missing from `vocabulary` take their defaults.

        Returns:
            The options.

        Raises:
            SettingError: If an option is missing or invalid.
        """
        given = custom_config or {}
        for name in cls.model_fields:
            if name not in given and name != "auto_limit":
                raise SettingError(f"custom_config has no '{name}'; give it to the Transform component")
        return cls.parse({name: given[name] for name in cls.model_fields if name in given})
