"""Arguments of a component, checked when it is built; its executor checks those that only a run knows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic.fields import FieldInfo
from tfx.orchestration.data_types import RuntimeParameter

from ..settings import Settings


def checked_arguments(group: type[Settings], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Checks the arguments that a group of options defines.

    Args:
        group: The options.
        arguments: Each argument by name. If a RuntimeParameter has a default, that is checked.

    Returns:
        The arguments with the types of their options, such as 5.0 for 5; RuntimeParameters unchanged.

    Raises:
        SettingError: If a value is out of range.
    """
    known = {}
    for name, value in arguments.items():
        if not isinstance(value, RuntimeParameter):
            known[name] = value
        elif value.default is not None:
            known[name] = value.default
        elif value.ptype in (int, float):
            # Stands in for a number that only a run knows.
            default = group.model_fields[name].get_default()
            known[name] = _within_bounds(group.model_fields[name], value.ptype) if default is None else default
    options = group.parse(known)
    return {
        name: value if isinstance(value, RuntimeParameter) else getattr(options, name)
        for name, value in arguments.items()
    }


def _within_bounds(field: FieldInfo, kind: type[int] | type[float]) -> float:
    """Returns a number that an option allows.

    Args:
        field: The option.
        kind: Its type; an `int` is rounded up.
    """
    bounds = list(_constraints(field))
    low = max((bound for name in ("ge", "gt") for bound in _values(bounds, name)), default=None)
    high = min((bound for name in ("le", "lt") for bound in _values(bounds, name)), default=None)
    if low is None:
        low = 0.0 if high is None else high - 2
    middle = (low + (low + 2 if high is None else high)) / 2
    return math.ceil(middle) if kind is int else middle


def _values(constraints: list[Any], name: str) -> Iterator[float]:
    return (value for constraint in constraints if (value := getattr(constraint, name, None)) is not None)


def _constraints(field: FieldInfo) -> Iterator[Any]:
    """Yields the constraints of an option, also those within a union: `Annotated[int, Field(ge=1)] | None`."""
    yield from field.metadata
    parts: list[Any] = [field.annotation]
    while parts:
        part = parts.pop()
        yield part
        yield from part.metadata if isinstance(part, FieldInfo) else ()
        parts += get_args(part)
