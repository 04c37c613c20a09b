"""Configuration of TFX's driver and of our executor, made from what a user gives."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format, struct_pb2
from pydantic import Field
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils

from ...errors import SettingError, escape
from .files import Found, Pattern, files_of_splits
from .options import SpanOptions
from .patterns import absolute, at_each_depth, base_and_rests, level_name
from .splitting import HashSplit


def input_base_and_config(
    files: Sequence[str] | None, splits: Mapping[str, Sequence[str]] | None, hash_buckets: Mapping[str, int]
) -> tuple[str, example_gen_pb2.Input, example_gen_pb2.Output, dict[str, str]]:
    """Makes TFX's configuration of an ExampleGen from paths and globs.

    TFX has one base folder, and one pattern for each input split. Several patterns therefore become several input
    splits below the deepest folder that they share: `files-0`, `files-1` … for one corpus, `train-0`, `train-1` …
    for a split that is given by several. A single pattern keeps the plain name. A pattern with `**` becomes
    one input split for each depth: `files-level-0` …

    Args:
        files: Paths or globs of one corpus, to be split by content; or None.
        splits: Paths or globs by name of split; or None. Exactly one of the two must be given.
        hash_buckets: With `files`: the buckets of each split, as for `HashSplit`.

    Returns:
        The base folder, the input splits, the output splits (empty where the input brings its own), and, for
        input that brings its own, the output split of each input split. All four are arguments of `TextExampleGen`.

    Raises:
        ValueError: Neither or both are given, a split without patterns, bad buckets, or several file systems.
    """
    if bool(files) == bool(splits):
        raise SettingError("set exactly one of {files} and {splits}")
    groups = {"files": tuple(files)} if files else {name: tuple(patterns) for name, patterns in (splits or {}).items()}
    named: dict[str, str] = {}
    named_patterns: set[str] = set()
    output_split_of: dict[str, str] = {}
    for name, patterns in groups.items():
        if not patterns:
            raise SettingError(f"{{splits}}.{escape(name)}: no file given")
        for index, pattern in enumerate(patterns):
            input_name = name if len(patterns) == 1 else f"{name}-{index}"
            if input_name in named_patterns:
                raise SettingError(f"{{splits}}: {escape(input_name)} is the name of two inputs; rename a split")
            levels = at_each_depth(absolute(pattern))
            for level, of_level in enumerate(levels):
                of_name = input_name if len(levels) == 1 else level_name(input_name, level)
                named[of_name] = of_level
                output_split_of[of_name] = name
            named_patterns.add(input_name)
    base, rests = base_and_rests(list(named.values()))
    input_config = example_gen_pb2.Input(
        splits=[example_gen_pb2.Input.Split(name=name, pattern=rest) for name, rest in zip(named, rests, strict=True)]
    )
    if not files:
        return base, input_config, example_gen_pb2.Output(), output_split_of
    HashSplit(hash_buckets)
    return base, input_config, hash_output_config(hash_buckets), {}


def hash_output_config(hash_buckets: Mapping[str, int]) -> example_gen_pb2.Output:
    """TFX's form of a content-hash split.

    Args:
        hash_buckets: Number of buckets by name of split.
    """
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[
                example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=buckets)
                for name, buckets in hash_buckets.items()
            ]
        )
    )


class ExecutorOptions(SpanOptions):
    """What TFX's own execution properties have no place for; it travels in `custom_config`."""

    # The output split of each input split that has another name.
    input_splits: dict[str, str] = Field(default_factory=dict)
    # Whether the Examples say which file they come from.
    file_feature: bool = False

    def to_custom_config(self) -> example_gen_pb2.CustomConfig:
        """Packs the options."""
        struct = struct_pb2.Struct()
        # What is not used is left out, as before there was any: the properties are part of the cache's key.
        unused = set() if self.documents != "none" else {"documents", "context_tokens"}
        unused |= {"normalization"} if self.normalization == "none" else set()
        unused |= set() if self.file_feature else {"file_feature"}
        struct.update(self.model_dump(exclude=unused))
        custom_config = example_gen_pb2.CustomConfig()
        custom_config.custom_config.Pack(struct)
        return custom_config

    @classmethod
    def from_json(cls, text: str | None) -> ExecutorOptions:
        """Unpacks the options from the execution property; without one the defaults hold."""
        if not text:
            return cls()
        custom_config = example_gen_pb2.CustomConfig()
        proto_utils.json_to_proto(text, custom_config)
        struct = struct_pb2.Struct()
        custom_config.custom_config.Unpack(struct)
        tree: dict[str, Any] = json_format.MessageToDict(struct)
        return cls.parse(tree)


def files_of_properties(exec_properties: Mapping[str, Any]) -> Found:
    """Finds the files that TextExampleGen reads; see `files_of_splits`.

    Args:
        exec_properties: See `patterns_of_properties`.
    """
    return files_of_splits(patterns_of_properties(exec_properties))


def patterns_of_properties(exec_properties: Mapping[str, Any]) -> list[Pattern]:
    """Returns the patterns that TextExampleGen reads.

    Args:
        exec_properties: Its execution properties, without markers of spans (see `driver.resolve`).
    """
    base = exec_properties[standard_component_specs.INPUT_BASE_KEY]
    input_config, output_config = example_gen_pb2.Input(), example_gen_pb2.Output()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.INPUT_CONFIG_KEY], input_config)
    if exec_properties.get(standard_component_specs.OUTPUT_CONFIG_KEY):
        proto_utils.json_to_proto(exec_properties[standard_component_specs.OUTPUT_CONFIG_KEY], output_config)
    options = ExecutorOptions.from_json(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY))
    by_content = len(output_config.split_config.splits) > 0
    return [
        Pattern(
            split.name,
            "" if by_content else options.input_splits.get(split.name, split.name),
            posixpath.join(base, split.pattern),
        )
        for split in input_config.splits
    ]
