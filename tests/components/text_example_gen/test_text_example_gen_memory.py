import subprocess
import sys
from pathlib import Path

import pytest

# A process of its own, where nothing else allocates; its peak while each corpus is read, above what it had before.
SCRIPT = """
import sys, threading, time, pathlib
import psutil
from tfx_lm.components.text_example_gen.executor import Executor
from tfx_lm.components.text_example_gen.input_config import input_base_and_config
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

def run(path):
    base, input_config, output_config, _ = input_base_and_config([path], None, {"train": 9, "eval": 1})
    artifact = standard_artifacts.Examples()
    artifact.uri = path + ".output"
    beam_args = [
        "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner", "--sdk_container_image=none"
    ]
    context = BaseBeamExecutor.Context(beam_pipeline_args=beam_args, tmp_dir=path + ".temporary", unique_id="1")
    Executor(context).Do({}, {"examples": [artifact]}, {
        "input_base": base,
        "input_config": proto_utils.proto_to_json(input_config),
        "output_config": proto_utils.proto_to_json(output_config),
    })
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
"""


def _corpus(path: Path, mebibytes: int) -> Path:
    sentence = "a line of some words that are the same in every line but for its number "
    line = sentence * 40
    with path.open("w") as file:
        for number in range(mebibytes * 2**20 // len(line)):
            file.write(f"{line}{number}\n")
    return path


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path):
    paths = [_corpus(tmp_path / f"{size}.txt", size) for size in (1, 5, 50)]
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    (small_lines, small), (large_lines, large) = (map(int, line.split()) for line in result.stdout.splitlines()[-2:])
    assert large_lines >= 9 * small_lines
    # The corpora differ by 45 MiB.
    assert large - small < 10 * 2**20
