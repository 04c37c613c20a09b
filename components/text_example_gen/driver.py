"""Driver of TextExampleGen: finds the spans to read before TFX's own driver looks at the files."""

from __future__ import annotations

import json
import posixpath
from collections import defaultdict
from typing import Any

from tfx.components.example_gen import driver, utils
from tfx.components.example_gen.input_processor import FileBasedInputProcessor
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_component_specs as specs
from tfx.utils import proto_utils

from ...errors import escape
from ...text_files.errors import InputError
from .files import fingerprint_of_names
from .input_config import ExecutorOptions, patterns_of_properties
from .inputs import check_spans_have_text
from .span_choice import Choice, Wanted, choose_spans
from .span_numbers import read_spans
from .spans import SPANS_KEY, has_span


class Driver(driver.FileBasedDriver):
    """TFX's file-based driver for any number of spans."""

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Replaces the markers of the patterns, and fingerprints the files; see `resolve`."""
        return resolve(exec_properties)


def resolve(exec_properties: dict[str, Any]) -> dict[str, Any]:
    """Finds the spans to read and fingerprints the files.

    An input split whose pattern has markers becomes one for each span: `train-span-3`, `train-span-4` …

    Args:
        exec_properties: Those of TextExampleGen; changed in place. Which spans were asked for is replaced by which are
            read, so that TFX's cache knows the same spans again, however they were asked for.

    Returns:
        The same, with `span` and `version` (those of the newest span that is read) and `input_fingerprint`.

    Raises:
        InputError: See `span_choice.choose_spans`; or a span has no text.
    """
    base = exec_properties[specs.INPUT_BASE_KEY]
    input_config, output_config = example_gen_pb2.Input(), example_gen_pb2.Output()
    proto_utils.json_to_proto(exec_properties[specs.INPUT_CONFIG_KEY], input_config)
    if exec_properties.get(specs.OUTPUT_CONFIG_KEY):
        proto_utils.json_to_proto(exec_properties[specs.OUTPUT_CONFIG_KEY], output_config)
    options = ExecutorOptions.from_json(exec_properties.get(specs.CUSTOM_CONFIG_KEY))
    keys: dict[str, str] = {}
    choice = None
    if any(has_span(split.pattern) for split in input_config.splits):
        by_content = len(output_config.split_config.splits) > 0
        for split in input_config.splits:
            of_split = options.input_splits.get(split.name, split.name)
            keys[split.name] = "{files}" if by_content else f"{{splits}}.{escape(of_split)}"
        groups: dict[str, list[str]] = defaultdict(list)
        for split in input_config.splits:
            groups[keys[split.name]].append(posixpath.join(base, split.pattern))
        choice = choose_spans(groups, _wanted(exec_properties, options))
        check_spans_have_text(choice, options)
    if choice is not None:
        input_config, options = _of_choice(base, input_config, options, keys, choice)
        exec_properties[specs.CUSTOM_CONFIG_KEY] = proto_utils.proto_to_json(options.to_custom_config())
        exec_properties[specs.RANGE_CONFIG_KEY] = ""
        exec_properties[SPANS_KEY] = json.dumps([span._asdict() for span in choice.spans])
    processor = FileBasedInputProcessor(base, input_config.splits)
    span, version = processor.resolve_span_and_version()
    fingerprint = processor.get_input_fingerprint(span, version) or ""
    if choice is not None:
        span, version, _ = choice.spans[-1]
    exec_properties[specs.INPUT_CONFIG_KEY] = proto_utils.proto_to_json(input_config)
    names = fingerprint_of_names(patterns_of_properties(exec_properties), options.file_feature)
    exec_properties[utils.FINGERPRINT_PROPERTY_NAME] = fingerprint + names
    exec_properties[utils.SPAN_PROPERTY_NAME] = span
    exec_properties[utils.VERSION_PROPERTY_NAME] = version
    return exec_properties


def _wanted(exec_properties: dict[str, Any], options: ExecutorOptions) -> Wanted:
    """Returns which spans are asked for: the property of the run wins over the range of the component."""
    gaps = options.span_gaps == "allow"
    range_config = range_config_pb2.RangeConfig()
    if exec_properties.get(specs.RANGE_CONFIG_KEY):
        proto_utils.json_to_proto(exec_properties[specs.RANGE_CONFIG_KEY], range_config)
    asked = read_spans(exec_properties.get(SPANS_KEY))
    if len(asked) > 1:
        return Wanted(asked[0], asked[1], None, gaps)
    if range_config.HasField("static_range") and not asked:
        static = range_config.static_range
        return Wanted(static.start_span_number, static.end_span_number, None, gaps)
    rolling = range_config.rolling_range
    return Wanted(rolling.start_span_number or None, asked[0] if asked else None, rolling.num_spans or 1, gaps)


def _of_choice(
    base: str, input_config: example_gen_pb2.Input, options: ExecutorOptions, keys: dict[str, str], choice: Choice
) -> tuple[example_gen_pb2.Input, ExecutorOptions]:
    """Returns the input splits without markers, and the options that say which output split each belongs to."""
    patterns: dict[str, str] = {}
    output_split_of: dict[str, str] = {}
    for split in input_config.splits:
        whole = posixpath.join(base, split.pattern)
        chosen = choice.patterns.get((keys[split.name], whole), [(0, whole)])
        for span, pattern in chosen:
            name = split.name if len(chosen) == 1 else f"{split.name}-span-{span}"
            if name in patterns:
                raise InputError(f"{{splits}}: {escape(name)} is the name of two inputs; rename a split")
            patterns[name] = pattern.removeprefix(base).lstrip("/")
            if split.name in options.input_splits or name != split.name:
                output_split_of[name] = options.input_splits.get(split.name, split.name)
    splits = [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    return example_gen_pb2.Input(splits=splits), options.model_copy(update={"input_splits": output_split_of})
