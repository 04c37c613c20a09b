"""Readers of YAML and JSON that refuse what other readers silently take for something else.

They refuse duplicate keys (others keep the last value) and YAML numbers such as `010` (8) and `1:30` (90).
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from ..exported.json_values import DuplicateKeyError, unique_object

__all__ = ["DuplicateKeyError", "UnclearNumberError", "read_json", "read_yaml"]

# In YAML 1.1, a number that begins with 0 is octal, and one with a colon has the base 60.
_UNCLEAR_NUMBER = re.compile(r"[-+]?(0[0-9_]+|.*:.*)")


# How many values aliases may make of a short document; repeated ones can make billions.
_MOST_VALUES = 100_000


class UnclearNumberError(ValueError):
    """A number that YAML reads as another than most readers do."""


def read_yaml(text: str) -> Any:
    """Reads a YAML document.

    Args:
        text: The document.

    Returns:
        Its value.

    Raises:
        DuplicateKeyError: If a mapping has a key twice.
        UnclearNumberError: If a number is octal, has the base 60 or has thousands of digits.
        yaml.YAMLError: If it is not YAML, is nested too deeply, or its aliases make it very large.
    """
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506, it is a SafeLoader
        size = _size(value, {})
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    if size > max(_MOST_VALUES, len(text)):
        raise yaml.YAMLError(f"its aliases make {size:,} values of it; write out what is meant")
    return value


def read_json(text: str) -> Any:
    """Reads a JSON text.

    Args:
        text: The text.

    Returns:
        Its value.

    Raises:
        DuplicateKeyError: If an object has a key twice.
        json.JSONDecodeError: If it is not JSON.
    """
    return json.loads(text, object_pairs_hook=unique_object)


def _size(value: Any, known: dict[int, int]) -> int:
    """Returns how many values a document has, those of an alias each time that it stands there."""
    if not isinstance(value, (dict, list, tuple)):
        return 1
    if id(value) not in known:
        children = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(child, known) for child in children)
    return known[id(value)]


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            # `<<` merges another mapping and may be repeated.
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in lines:
                    raise DuplicateKeyError(
                        f"the key {key.value} is on line {lines[key.value]} and again on line {line}; keep one"
                    )
                lines[key.value] = line
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        line = node.start_mark.line + 1
        # Python itself refuses more digits than that.
        if len(node.value) > 4300:
            raise UnclearNumberError(f"the number on line {line} has {len(node.value):,} digits")
        if _UNCLEAR_NUMBER.fullmatch(node.value):
            number = super().construct_yaml_int(node) if node.tag == _INTEGER else super().construct_yaml_float(node)
            raise UnclearNumberError(
                f"{node.value} on line {line} is {number} in YAML; write {number}, or '{node.value}' for a text"
            )
        return super().construct_yaml_int(node) if node.tag == _INTEGER else super().construct_yaml_float(node)


_INTEGER = "tag:yaml.org,2002:int"
for _tag in (_INTEGER, "tag:yaml.org,2002:float"):
    _Loader.add_constructor(_tag, _Loader.construct_number)
