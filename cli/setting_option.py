"""Option of a command from a setting, with the default and the bounds of its options class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click
from pydantic.fields import FieldInfo

from ..settings import Settings


def setting_option(group: type[Settings], name: str, text: str, flag: str | None = None) -> Callable[[Any], Any]:
    """Makes an option of a command, whose parameter has the setting's name.

    Args:
        group: The options class that defines the setting.
        name: The setting.
        text: The help.
        flag: The option; by default `--top-k` for `top_k`.
    """
    field = group.model_fields[name]
    return click.option(
        flag or f"--{name.replace('_', '-')}",
        name,
        type=_type_of(field),
        default=field.default,
        show_default=True,
        help=text,
    )


def _type_of(field: FieldInfo) -> click.ParamType:
    if isinstance(field.default, str):
        return click.Choice(get_args(field.annotation))
    kind = click.IntRange if isinstance(field.default, int) else click.FloatRange
    # Pydantic keeps each bound as a separate object, such as `Ge(ge=1)`.
    bounds = {bound: getattr(item, bound) for item in field.metadata for bound in _BOUNDS if hasattr(item, bound)}
    return kind(
        min=bounds.get("ge", bounds.get("gt")),
        max=bounds.get("le", bounds.get("lt")),
        min_open="gt" in bounds,
        max_open="lt" in bounds,
    )


_BOUNDS = ("ge", "gt", "le", "lt")
