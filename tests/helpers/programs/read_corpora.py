"""Reads three corpora where nothing else allocates; prints the lines and the peak of memory of the last two."""

import sys
import threading

import psutil
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts
from tfx.utils import proto_utils
from tfx_lm.components.text_example_gen.executor import Executor
from tfx_lm.components.text_example_gen.input_config import input_base_and_config


def run(path):
    base, input_config, output_config, _ = input_base_and_config([path], None, {"train": 9, "eval": 1})
    artifact = standard_artifacts.Examples()
    artifact.uri = path + ".output"
    beam_args: list = [
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
        "--sdk_container_image=none",
    ]
    context = BaseBeamExecutor.Context(beam_pipeline_args=beam_args, tmp_dir=path + ".temporary", unique_id="1")
    Executor(context).Do(
        {},
        {"examples": [artifact]},
        {
            "input_base": base,
            "input_config": proto_utils.proto_to_json(input_config),
            "output_config": proto_utils.proto_to_json(output_config),
        },
    )
    return artifact.get_int_custom_property("lines")


def peak(path):
    process, ended, sizes = psutil.Process(), threading.Event(), []

    def watch():
        while not ended.wait(0.02):
            sizes.append(process.memory_info().rss)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    lines = run(path)
    ended.set()
    watcher.join()
    return lines, max(sizes) - before


warm_up, small, large = sys.argv[1:]
run(warm_up)
for path in (small, large):
    print(*peak(path))
