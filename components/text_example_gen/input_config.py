"""From what a user configures to what TFX's driver and our executor read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format, struct_pb2
from tfx.proto import example_gen_pb2
from tfx.utils import proto_utils

from .patterns import absolute, base_and_rests
from .splitting import HashSplit

INVALID_UTF8_POLICIES = ("error", "drop")


def input_base_and_config(
    files: Sequence[str] | None, splits: Mapping[str, Sequence[str]] | None, hash_buckets: Mapping[str, int]
) -> tuple[str, example_gen_pb2.Input, example_gen_pb2.Output, dict[str, str]]:
    """Makes TFX's configuration of an ExampleGen from paths and globs.

    TFX has one base folder, and one pattern for each input split. Several patterns therefore become several input
    splits below the deepest folder that they share: `files-0`, `files-1` … for one corpus, `train-0`, `train-1` …
    for a split that is given by several. A single pattern keeps the plain name.

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
        raise ValueError("data: no input, or two; set either data.files or data.splits")
    groups = {"files": tuple(files)} if files else {name: tuple(of) for name, of in (splits or {}).items()}
    named: dict[str, str] = {}
    output_split_of: dict[str, str] = {}
    for name, patterns in groups.items():
        if not patterns:
            raise ValueError(f"data.splits.{name}: no file given")
        for index, pattern in enumerate(patterns):
            input_name = name if len(patterns) == 1 else f"{name}-{index}"
            if input_name in named:
                raise ValueError(f"data.splits: {input_name} is the name of two inputs; rename a split")
            named[input_name] = absolute(pattern)
            output_split_of[input_name] = name
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


@dataclass(frozen=True)
class Options:
    """What TFX's own execution properties have no place for; it travels in `custom_config`.

    Attributes:
        invalid_utf8: `error` or `drop`.
        text_field: The JSON field or Parquet column that holds the text.
        input_splits: The output split of each input split that has another name.
    """

    invalid_utf8: str = "error"
    text_field: str = "text"
    input_splits: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: An unknown policy or an empty field name.
        """
        if self.invalid_utf8 not in INVALID_UTF8_POLICIES:
            raise ValueError(f"invalid_utf8={self.invalid_utf8!r}: must be error or drop; set data.invalid_utf8")
        if not self.text_field:
            raise ValueError("text_field='': must name the field that holds the text; set data.text_field")

    def to_custom_config(self) -> example_gen_pb2.CustomConfig:
        """Packs the options."""
        struct = struct_pb2.Struct()
        struct.update(
            {
                "invalid_utf8": self.invalid_utf8,
                "text_field": self.text_field,
                "input_splits": dict(self.input_splits),
            }
        )
        custom_config = example_gen_pb2.CustomConfig()
        custom_config.custom_config.Pack(struct)
        return custom_config

    @classmethod
    def from_json(cls, text: str | None) -> Options:
        """Unpacks the options from the execution property; without one the defaults hold."""
        if not text:
            return cls()
        custom_config = example_gen_pb2.CustomConfig()
        proto_utils.json_to_proto(text, custom_config)
        struct = struct_pb2.Struct()
        custom_config.custom_config.Unpack(struct)
        tree: dict[str, Any] = json_format.MessageToDict(struct)
        return cls(**tree)
