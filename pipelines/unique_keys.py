"""Readers of YAML and JSON that refuse what other readers silently take for something else.

They refuse duplicate keys (others keep the last value) and YAML numbers such as `010` (8) and `1:30` (90).
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from ..exported.json_values import DuplicateKeyError, unique_object

__all__ = ["DuplicateKeyError", "UnclearValueError", "read_json", "read_yaml"]

# In YAML 1.1, a number that begins with 0 is octal, and one with a colon has the base 60.
_UNCLEAR_NUMBER = re.compile(r"[-+]?(0[0-9_]+|.*:.*)")

# No configuration has as many; a few lines of aliases of aliases stand for billions.
_MOST_VALUES = 100_000
_SURROGATE = re.compile("[\ud800-\udfff]")


class UnclearValueError(ValueError):
    """A value that YAML reads as another than most readers do, or that is not of its type, such as 2024-13-45."""


def read_yaml(text: str) -> Any:
    """Reads a YAML document.

    Args:
        text: The document.

    Returns:
        Its value.

    Raises:
        DuplicateKeyError: If a mapping has a key twice.
        UnclearValueError: If a number is octal, has the base 60 or has thousands of digits, a value is not of its type,
            or a text has half a surrogate pair.
        yaml.YAMLError: If it is not YAML, is nested too deeply, or its aliases make it very large.
    """
    try:
        loader = _Loader(text)  # A SafeLoader.
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            # Before PyYAML builds it: what is merged is copied.
            size = _size(node, {})
            if size > max(_MOST_VALUES, len(text)):
                raise yaml.YAMLError(f"its aliases make {size:,} values of it; write out what is meant")
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Returns how many values a document has, those of an alias each time that it stands there."""
    if isinstance(node, yaml.ScalarNode):
        if _SURROGATE.search(node.value):
            raise UnclearValueError(f"{node.value!a} on line {node.start_mark.line + 1} has half a surrogate pair")
        return 1
    if id(node) not in known:
        # Until it is known: a node that holds itself has no size.
        known[id(node)] = 0
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    elif not known[id(node)]:
        raise RecursionError
    return known[id(node)]


def read_json(text: str) -> Any:
    """Reads a JSON text.

    Args:
        text: The text.

    Returns:
        Its value.

    Raises:
        DuplicateKeyError: If an object has a key twice.
        ValueError: If it is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=unique_object)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


class _Loader(yaml.SafeLoader):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (DuplicateKeyError, UnclearValueError):
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # PyYAML's constructors, of 2024-13-45 or `!!bool maybe`.
            value = repr(node.value) if isinstance(node, yaml.ScalarNode) else "what stands"
            kind = node.tag.rpartition(":")[2]
            line = node.start_mark.line + 1
            raise UnclearValueError(f"{value} on line {line} is no {kind}; a text stands in quotes") from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        # `!!map [1]` is a sequence, which PyYAML refuses.
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
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
            raise UnclearValueError(f"the number on line {line} has {len(node.value):,} digits")
        if _UNCLEAR_NUMBER.fullmatch(node.value):
            number = super().construct_yaml_int(node) if node.tag == _INTEGER else super().construct_yaml_float(node)
            raise UnclearValueError(
                f"{node.value} on line {line} is {number} in YAML; write {number}, or '{node.value}' for a text"
            )
        return super().construct_yaml_int(node) if node.tag == _INTEGER else super().construct_yaml_float(node)


_INTEGER = "tag:yaml.org,2002:int"
for _tag in (_INTEGER, "tag:yaml.org,2002:float"):
    _Loader.add_constructor(_tag, _Loader.construct_number)
