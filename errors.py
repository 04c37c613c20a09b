"""Errors that name settings, for readers who call a setting by different names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["SettingError", "escape", "messages"]

_DOUBLED_OR_NAME = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


class SettingError(ValueError):
    """A setting that cannot be used, or a problem whose remedy is a setting.

    A component calls a setting by its own argument, a YAML file by a dotted key, a command by an option. So the
    message has each name in braces, and the code that shows the error replaces them by its reader's names.

    Worked example: `SettingError("{units}=0: must be >= 1")` reads `units=0: must be >= 1`;
    `error.with_names(lambda name: f"trainer.{name}")` reads `trainer.units=0: must be >= 1`. A name may have dots:
    `{splits.train}`. Braces that belong to the text itself are escaped with `escape`.
    """

    def __init__(self, template: str) -> None:
        """Makes the error.

        Args:
            template: The message, with the name of each setting in braces; literal braces doubled.
        """
        self.template = template
        super().__init__(self.with_names(lambda name: name))

    def with_names(self, name_of: Callable[[str], str]) -> str:
        """Returns the message with each setting named by `name_of`."""
        # Not `str.format`: it takes `{a.b}`, `{a[0]}` and `{a!r}` for expressions and refuses a single brace.
        return _DOUBLED_OR_NAME.sub(
            lambda part: name_of(part[1]) if part[1] is not None else part[0][0],
            self.template,
        )

    def __reduce__(self) -> tuple[type[SettingError], tuple[str]]:
        """Keeps the template when the error goes from one process to another."""
        return type(self), (self.template,)


def messages(templates: Iterable[str], name_of: Callable[[str], str] = str) -> list[str]:
    """Returns the messages of templates of `SettingError`, for texts that are shown and never raised.

    Args:
        templates: The templates.
        name_of: Returns the reader's name of a setting; by default the component's argument.
    """
    return [SettingError(template).with_names(name_of) for template in templates]


def escape(text: object) -> str:
    """Returns a value as text for a template: its braces are doubled."""
    return str(text).replace("{", "{{").replace("}", "}}")
