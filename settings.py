"""Settings: the pydantic base of every group of options, and its errors as `SettingError`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticKnownError

from .errors import SettingError, escape

__all__ = ["LARGEST_WHOLE_NUMBER", "Number", "Settings", "WholeNumber", "explain", "known_names"]

Group = TypeVar("Group", bound="Settings")


# TensorFlow's dimensions and gRPC's limits have 32 bits. No setting means anything beyond.
LARGEST_WHOLE_NUMBER = 2**31 - 1
# The inverse of a larger one could be 0 as a float32, and so could what is divided by it.
_LARGEST_NUMBER = 1e30


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


def _no_text(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise PydanticKnownError("int_type")
    # Here, since pydantic calls 1e300 no integer. It refuses infinity in words that say more.
    if isinstance(value, int | float) and LARGEST_WHOLE_NUMBER < value != math.inf:
        raise PydanticKnownError("less_than_equal", {"le": LARGEST_WHOLE_NUMBER})
    return value


def _not_too_large(value: float) -> float:
    if _LARGEST_NUMBER < value < math.inf:
        raise PydanticKnownError("less_than_equal", {"le": _LARGEST_NUMBER})
    return value


# JSON may write an integer as 3.0, so neither is strict.
WholeNumber = Annotated[int, BeforeValidator(_no_text)]
# It may be text, because PyYAML reads 1e-3 as text.
Number = Annotated[float, BeforeValidator(_no_truth_value), AfterValidator(_not_too_large)]


class Settings(BaseModel):
    """A group of options: unknown names are errors, values never change once they are checked."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parse(cls: type[Group], value: Group | Mapping[str, Any]) -> Group:
        """Checks options.

        Args:
            value: The options, or a mapping of those that differ from their defaults.

        Returns:
            The options.

        Raises:
            SettingError: Names each invalid option; the option `size` of the group `vocabulary` is called
                `vocabulary_size`.
        """
        if isinstance(value, cls):
            return value
        try:
            return cls.model_validate(dict(value))
        except ValidationError as error:
            # Each branch of a union reports the same value; one line is enough.
            lines = dict.fromkeys(explain(cls, item) for item in error.errors())
            raise SettingError("\n".join(lines)) from error


_BOUNDS = {
    "greater_than_equal": ("ge", "must be >= {}"),
    "greater_than": ("gt", "must be > {}"),
    "less_than_equal": ("le", "must be <= {}"),
    "less_than": ("lt", "must be < {}"),
    "literal_error": ("expected", "must be one of {}"),
}
_KINDS = {
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "model_type": "must hold `key: value` lines",
    "dict_type": "must hold `key: value` lines",
}


def explain(group: type[BaseModel], item: Mapping[str, Any], key: str | None = None) -> str:
    """Returns one pydantic error as a line of a `SettingError`'s template.

    Args:
        group: The model that was checked.
        item: One of `ValidationError.errors()`.
        key: Name of the option, a template. Default: the names of group and option, joined with `_`.
    """
    if item["type"] == "value_error":
        error = item["ctx"]["error"]
        return error.template if isinstance(error, SettingError) else escape(error)
    *groups, name = map(str, item["loc"])
    key = key or f"{{{'_'.join(_fields(group, item['loc']))}}}"
    if item["type"] == "extra_forbidden":
        known = known_names(group, groups)
        close = difflib.get_close_matches(name, known, n=1)
        prefix = escape("".join(f"{part}." for part in groups))
        remedy = f"did you mean {prefix}{close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"{prefix}{escape(name)}: unknown key; {remedy}"
    if item["type"] in _BOUNDS:
        field, sentence = _BOUNDS[item["type"]]
        return f"{key}={escape(item['input'])}: {sentence.format(item['ctx'][field])}; set {key}"
    if item["type"] == "invalid_key":
        return f"{escape(item['input'])}: unknown key; keys are texts"
    if item["type"] in _KINDS:
        return f"{key}={escape(repr(item['input']))}: {_KINDS[item['type']]}; set {key}"
    message = escape(item["msg"][0].lower() + item["msg"][1:])
    return f"{key}={escape(repr(item['input']))}: {message}; set {key}"


def known_names(group: type[BaseModel], path: list[str]) -> list[str]:
    """Returns the names of the options at `path` below a group, in alphabetical order."""
    for name in path:
        field = group.model_fields.get(name)
        annotation = field.annotation if field else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        group = annotation
    return sorted(field.alias or name for name, field in group.model_fields.items())


def _fields(group: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Returns the leading parts of a path that are options; what follows is a branch of a union or an index."""
    names: list[str] = []
    for part in path:
        if part not in known_names(group, names):
            break
        names.append(str(part))
    return names or [str(part) for part in path[:1]]
