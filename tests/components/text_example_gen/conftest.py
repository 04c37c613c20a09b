"""Runs the executor of TextExampleGen as TFX does, on a temporary folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # Never pulled by a runner in this process; without it TFX packs itself into an archive for every executor.
    "--sdk_container_image=none",
]


@dataclass
class Output:
    """An Examples artifact and what lies in it."""

    artifact: Any

    @property
    def folder(self) -> Path:
        return Path(self.artifact.uri)

    def files(self, split: str) -> list[Path]:
        return sorted((self.folder / f"Split-{split}").iterdir())

    def texts(self, split: str) -> list[bytes]:
        return [text for (text,) in self.values(split, "text")]

    def values(self, split: str, *names: str) -> list[tuple[bytes, ...]]:
        """The features of each Example, which has no others."""
        import tensorflow as tf

        dataset = tf.data.TFRecordDataset([str(path) for path in self.files(split)], "GZIP")
        examples = []
        for record in dataset.as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            assert sorted(features) == sorted(names)
            assert all(len(features[name].bytes_list.value) == 1 for name in names)
            examples.append(tuple(features[name].bytes_list.value[0] for name in names))
        return examples

    def count(self, name: str) -> int:
        return self.artifact.get_int_custom_property(name)


@pytest.fixture
def run_component(tmp_path):
    """A function that runs the component's executor; arguments as for TextExampleGen and input_base_and_config."""
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils
    from tfx_lm.components.text_example_gen.component import TextExampleGen
    from tfx_lm.components.text_example_gen.executor import Executor
    from tfx_lm.components.text_example_gen.input_config import input_base_and_config

    runs = []

    def run(files=None, splits=None, hash_buckets=None, beam_args=(), output=None, **options) -> Output:
        paths = [str(path) for path in files] if files else None
        base, input_config, output_config, input_splits = input_base_and_config(
            paths, splits, hash_buckets or {"train": 9, "eval": 1}
        )
        component = TextExampleGen(base, input_config, output_config, input_splits=input_splits, **options)
        properties = {
            name: proto_utils.proto_to_json(value) if hasattr(value, "DESCRIPTOR") else value
            for name, value in component.spec.exec_properties.items()
        }
        runs.append(properties)
        artifact = output or standard_artifacts.Examples()
        artifact.uri = str(tmp_path / f"output-{len(runs)}")
        Path(artifact.uri).mkdir()
        context = BaseBeamExecutor.Context(
            beam_pipeline_args=[*BEAM_ARGS, *beam_args], tmp_dir=str(tmp_path / "temporary"), unique_id="1"
        )
        Executor(context).Do({}, {"examples": [artifact]}, properties)
        return Output(artifact)

    return run


@pytest.fixture
def write(tmp_path):
    """A function that writes a file below the test's folder and returns its path."""

    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write
