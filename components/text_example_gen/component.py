"""The TFX component that turns lines of text into Examples."""

from __future__ import annotations

from collections.abc import Mapping

from tfx.components.example_gen import component as example_gen
from tfx.dsl.components.base import executor_spec
from tfx.v1 import proto

from . import executor
from .input_config import Options


class TextExampleGen(example_gen.FileBasedExampleGen):
    """Reads .txt, .txt.gz, .jsonl, .jsonl.gz and .parquet files; each line or row becomes one Example.

    An Example has one feature, `text`: one bytes value, the line's UTF-8 without its terminator.

    TFX's own file-based driver finds the files, fingerprints them for the cache and resolves `{SPAN}`, dates and
    `{VERSION}` in patterns. Unlike TFX's ExampleGens, a hash split may be fed by several patterns, and a split may
    be given by several.

    Outputs:
        examples: `standard_artifacts.Examples`, TFRecord gzip, with the counts as custom properties: `lines`,
            `empty_lines_dropped`, `invalid_utf8_dropped` and `examples_SPLIT` for each split.

    ```python
    base, input_config, output_config, input_splits = input_base_and_config(
        files=["corpus/*.txt"], splits=None, hash_buckets={"train": 9, "eval": 1}
    )
    example_gen = TextExampleGen(base, input_config, output_config, input_splits=input_splits)
    ```
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        input_base: str,
        input_config: proto.Input | None = None,
        output_config: proto.Output | None = None,
        invalid_utf8: str = "error",
        text_field: str = "text",
        input_splits: Mapping[str, str] | None = None,
        range_config: proto.RangeConfig | None = None,
    ) -> None:
        """Configures the component; `input_base_and_config` makes the first three and `input_splits`.

        Args:
            input_base: The folder that the patterns of `input_config` are relative to.
            input_config: The input splits and their patterns. Default: every file of the folder.
            output_config: The content-hash split. Default: as in TFX, train and eval 2:1 for one input split, the
                input splits themselves for several.
            invalid_utf8: `error`: a line that is not UTF-8 fails the node, which names file and line; `drop`: such
                lines are dropped and counted.
            text_field: The field of .jsonl records or column of .parquet files that holds the text.
            input_splits: The output split of each input split, where the names differ.
            range_config: Which span is read, if patterns have `{SPAN}` and it is not the newest.

        Raises:
            ValueError: A bad value, or `input_splits` names an input split that does not exist.
        """
        options = Options(invalid_utf8, text_field, dict(input_splits or {}))
        known = {split.name for split in input_config.splits} if input_config else set()
        unknown = sorted(set(options.input_splits) - known)
        if unknown:
            raise ValueError(f"input_splits: {', '.join(unknown)} not among the input splits {sorted(known)}")
        super().__init__(
            input_base=input_base,
            input_config=input_config,
            output_config=output_config,
            custom_config=options.to_custom_config(),
            range_config=range_config,
        )
