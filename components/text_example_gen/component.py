"""TextExampleGen: the TFX component that turns lines of text into Examples."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from tfx.components.example_gen import component as example_gen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2

from ...errors import SettingError, escape
from ...text_files.documents import Documents
from ...text_files.normalization import Normalization
from ..kubeflow_run import KUBEFLOW_RUN, KUBEFLOW_RUN_KEY
from . import driver, executor
from .input_config import ExecutorOptions, input_base_and_config
from .options import InputOptions
from .spans import SPANS_KEY, has_span

DEFAULTS = InputOptions()

_Span = int | str | datetime.date
SpanArgument = _Span | Sequence[_Span]


class TextExampleGen(example_gen.FileBasedExampleGen):
    """Reads text, JSON-lines, CSV and Parquet files; each line or row becomes one Example.

    An Example has the feature `text`: one bytes value, the line's UTF-8 without its terminator; with `context_tokens`
    also `context`: the lines before it in its document, as far as needed, with a line break between two.

    Its driver finds the spans of `{SPAN}`, dates and `{VERSION}` in patterns, any number of them; TFX's own then finds
    the files and fingerprints them for the cache. Unlike TFX's ExampleGens, a hash split may be fed by several
    patterns, and a split may be given by several.

    Outputs:
        examples: `standard_artifacts.Examples`, TFRecord gzip, with the counts as custom properties: `lines`,
            `empty_lines_dropped`, `invalid_utf8_dropped`, `invalid_records_dropped`, for patterns with markers
            `spans` (which spans and versions were read), for each split
            `examples_SPLIT`, and for input that brings its own splits `also_trained_SPLIT`: the Examples of a
            held-out split that are also in `train`.

    ```python
    example_gen = TextExampleGen.from_files(files=["corpus/*.txt"], eval_percent=10)
    ```
    """

    DRIVER_CLASS = driver.Driver
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        input_base: str,
        input_config: example_gen_pb2.Input | None = None,
        output_config: example_gen_pb2.Output | None = None,
        invalid_utf8: str = DEFAULTS.invalid_utf8,
        text_field: str = DEFAULTS.text_field,
        invalid_records: str = DEFAULTS.invalid_records,
        input_splits: Mapping[str, str] | None = None,
        documents: Documents = DEFAULTS.documents,
        context_tokens: int = DEFAULTS.context_tokens,
        normalization: Normalization = DEFAULTS.normalization,
        file_feature: bool = ExecutorOptions.model_fields["file_feature"].default,
        range_config: range_config_pb2.RangeConfig | None = None,
        spans: str | None = None,
        span_gaps: str = DEFAULTS.span_gaps,
    ) -> None:
        """Configures the component with TFX's own protos; `from_files` makes them from paths.

        Args:
            input_base: The folder that the patterns of `input_config` are relative to.
            input_config: The input splits and their patterns. Default: every file of the folder.
            output_config: The content-hash split. Default: as in TFX, train and eval 2:1 for one input split, the
                input splits themselves for several.
            invalid_utf8: `error`: a line that is not UTF-8 fails the node, which names file and line; `drop`: such
                lines are dropped and counted.
            text_field: The field of JSON records, or column of CSV and Parquet files, that holds the text.
            invalid_records: `error` or `drop`, what to do with a record without a usable text.
            input_splits: The output split of each input split, where the names differ.
            range_config: Which spans are read, if patterns have `{SPAN}` or a date: TFX's static or rolling range, of
                any length. Default: the newest one.
            spans: Wins over the range: the last span of a rolling range, or the first and the last one, as text
                (`2026-05-01` or `3,7`). It may be a RuntimeParameter.
            span_gaps: `error` or `allow`, what to do if spans are missing between those that are read.
            documents: Which lines are a document, which no split divides: `none`, `blank_line`, `record` or `file`.
            context_tokens: The tokens for which each Example has the text before it in its document; 0: none.
            normalization: `nfc`: the text of each Example is in Unicode's form C; `none`: as it is in the file. Give
                TextTransform and MaskedTrainer the same, so that the model knows it.
            file_feature: Whether each Example has the feature `file`: its file below `input_base`. Then MaskedEvaluator
                can slice by it.

        Raises:
            SettingError: A bad value; `input_splits` names an input split that does not exist; `range_config` or
                `spans` chooses among spans, and no pattern has any.
        """
        options = ExecutorOptions.parse(
            {
                "invalid_utf8": invalid_utf8,
                "text_field": text_field,
                "invalid_records": invalid_records,
                "span_gaps": span_gaps,
                "input_splits": dict(input_splits or {}),
                "documents": documents,
                "context_tokens": context_tokens,
                "normalization": normalization,
                "file_feature": file_feature,
            }
        )
        known = {split.name for split in input_config.splits} if input_config else set()
        unknown = sorted(set(options.input_splits) - known)
        if unknown:
            raise SettingError(
                f"{{input_splits}}: {escape(', '.join(unknown))} not among the input splits {escape(sorted(known))}"
            )
        has_spans = input_config is not None and any(has_span(split.pattern) for split in input_config.splits)
        of_range = range_config is not None and bool(range_config.ListFields())
        for name, given in (("range_config", of_range), ("spans", spans)):
            if given and not has_spans:
                markers = escape("{SPAN}, or {YYYY}, {MM} and {DD}")
                raise SettingError(
                    f"{{{name}}}: no pattern of {{input_config}} has {markers}; add them, or leave {{{name}}} out"
                )
        super().__init__(
            input_base=input_base,
            input_config=input_config,
            output_config=output_config,
            custom_config=options.to_custom_config(),
            range_config=range_config,
        )
        if has_spans:
            self.spec.exec_properties[SPANS_KEY] = spans or ""
            # Only the run knows which span is the newest.
            self.spec.exec_properties[KUBEFLOW_RUN_KEY] = KUBEFLOW_RUN

    @classmethod
    def from_files(
        cls,
        files: str | Sequence[str] | None = None,
        splits: Mapping[str, str | Sequence[str]] | None = None,
        eval_percent: int = DEFAULTS.eval_percent,
        invalid_utf8: str = DEFAULTS.invalid_utf8,
        text_field: str = DEFAULTS.text_field,
        invalid_records: str = DEFAULTS.invalid_records,
        spans: SpanArgument = DEFAULTS.spans,
        span_window: int = DEFAULTS.span_window,
        span_gaps: str = DEFAULTS.span_gaps,
        documents: Documents = DEFAULTS.documents,
        context_tokens: int = DEFAULTS.context_tokens,
        normalization: Normalization = DEFAULTS.normalization,
        file_feature: bool = ExecutorOptions.model_fields["file_feature"].default,
    ) -> TextExampleGen:
        """Makes the component from paths. `InputOptions` defines the arguments.

        Args:
            files: Paths or globs of one corpus, split into train and eval by the content of each line.
            splits: Instead of `files`: paths or globs by name of split.
            eval_percent: The share of distinct lines that `files` gives to the eval split, in per cent.
            invalid_utf8: `error` or `drop`, what to do with a line that is not UTF-8.
            text_field: The field of JSON records, or column of CSV and Parquet files, that holds the text.
            invalid_records: `error` or `drop`, what to do with a record without a usable text.
            spans: Which spans are read: the last one of the window, or the first and the last one; numbers or days.
            span_window: How many spans are read, the newest ones.
            span_gaps: `error` or `allow`, what to do if spans are missing between those that are read.
            documents: Which lines are a document, which no split divides: `none`, `blank_line`, `record` or `file`.
            context_tokens: The tokens for which each Example has the text before it in its document; 0: none.
            normalization: `nfc`: the text of each Example is in Unicode's form C; `none`: as it is in the file.
            file_feature: Whether each Example has the feature `file`: its file, below the deepest folder that all files
                share. Then MaskedEvaluator can slice by it.

        Returns:
            The component.

        Raises:
            SettingError: A bad value; neither or both of `files` and `splits`; several file systems.
        """
        options = InputOptions.parse(
            {
                "files": files or (),
                "splits": splits or {},
                "eval_percent": eval_percent,
                "invalid_utf8": invalid_utf8,
                "text_field": text_field,
                "invalid_records": invalid_records,
                "spans": spans,
                "span_window": span_window,
                "span_gaps": span_gaps,
                "documents": documents,
                "context_tokens": context_tokens,
                "normalization": normalization,
            }
        )
        base, input_config, output_config, input_splits = input_base_and_config(
            options.files, options.splits, options.hash_buckets()
        )
        return cls(
            input_base=base,
            input_config=input_config,
            output_config=output_config,
            input_splits=input_splits,
            invalid_utf8=options.invalid_utf8,
            text_field=options.text_field,
            invalid_records=options.invalid_records,
            range_config=range_config_pb2.RangeConfig(
                rolling_range=range_config_pb2.RollingRange(num_spans=options.span_window)
            )
            if options.span_window > 1
            else None,
            spans=",".join(map(str, options.spans)),
            span_gaps=options.span_gaps,
            documents=options.documents,
            context_tokens=options.context_tokens,
            normalization=options.normalization,
            file_feature=file_feature,
        )
