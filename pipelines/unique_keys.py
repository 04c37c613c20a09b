"""Readers of YAML and JSON that refuse a repeated key; the usual ones silently keep its last value."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ..exported.json_values import DuplicateKeyError, unique_object

__all__ = ["DuplicateKeyError", "read_json", "read_yaml"]


def read_yaml(text: str) -> Any:
    """Reads a YAML document.

    Args:
        text: The document.

    Returns:
        Its value.

    Raises:
        DuplicateKeyError: If a mapping has a key twice.
        yaml.YAMLError: If it is not YAML.
    """
    return yaml.load(text, Loader=_Loader)  # A SafeLoader.


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
