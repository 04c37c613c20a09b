"""Peers: an ExampleGen and a Transform, TFX's own or ours, on the same lines, each stage by its executor.

    python -m stages_workers.pair stock|ours FOLDER [BEAM_ARGUMENT...]

FOLDER has `train.csv` and `eval.csv` for TFX's, `train.txt` and `eval.txt` for ours. The answer has the `wall` and
`processor` seconds of both stages (children included), and digests of what they wrote, which must be equal.
"""

import hashlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from shared.answers import Answers
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.example_gen.csv_example_gen import executor as csv_executor
from tfx.components.transform import executor as transform_executor
from tfx.proto import example_gen_pb2
from tfx.types import Artifact, artifact_utils, channel_utils, standard_artifacts
from tfx.utils import proto_utils
from tfx_lm.components.text_example_gen import executor as text_executor
from tfx_lm.components.text_example_gen.component import TextExampleGen
from tfx_lm.components.text_transform.component import TextTransform
from tfx_lm.pipelines.beam.arguments import beam_arguments
from tfx_lm.pipelines.beam.options import BeamConfig

SPLITS = ("train", "eval")
_SCHEMA = """
feature { name: "text" type: BYTES presence { min_fraction: 1.0 min_count: 1 } shape { dim { size: 1 } } }
"""


def processor_seconds() -> float:
    """Returns the processor time of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measured(work: Callable[[], None]) -> dict[str, float]:
    """Runs a stage and returns its seconds."""
    wall, processor = time.perf_counter(), processor_seconds()
    work()
    return {"wall": time.perf_counter() - wall, "processor": processor_seconds() - processor}


def artifact(kind: type[Artifact], folder: Path, splits: tuple[str, ...] = ()) -> Any:
    """Returns an artifact at a folder."""
    made: Any = kind()
    made.uri = str(folder)
    if splits:
        made.split_names = artifact_utils.encode_split_names(list(splits))
    return made


def make_examples(peer: str, lines: Path, examples: Artifact, context: Any) -> Callable[[], None]:
    """Returns the work of the ExampleGen."""
    if peer == "ours":
        component = TextExampleGen.from_files(splits={split: str(lines / f"{split}.txt") for split in SPLITS})
        executor: Any = text_executor.Executor(context)
        properties = dict(component.exec_properties)
    else:
        executor = csv_executor.Executor(context)
        splits = [example_gen_pb2.Input.Split(name=split, pattern=f"{split}.csv") for split in SPLITS]
        properties = {
            "input_base": str(lines),
            "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=splits)),
            "output_config": proto_utils.proto_to_json(example_gen_pb2.Output()),
            "output_data_format": example_gen_pb2.FORMAT_TF_EXAMPLE,
            "output_file_format": example_gen_pb2.FORMAT_TFRECORDS_GZIP,
        }
    return lambda: executor.Do({}, {"examples": [examples]}, properties)


def transform(peer: str, examples: Artifact, folder: Path, context: Any) -> tuple[Callable[[], None], dict[str, Any]]:
    """Returns the work of the Transform, and its outputs."""
    (folder / "schema").mkdir()
    schema = text_format.Parse(_SCHEMA, schema_pb2.Schema())
    (folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    inputs = {"examples": examples, "schema": artifact(standard_artifacts.Schema, folder / "schema")}
    outputs = {
        "transform_graph": artifact(standard_artifacts.TransformGraph, folder / "graph"),
        "transformed_examples": artifact(standard_artifacts.Examples, folder / "transformed"),
        "updated_analyzer_cache": artifact(standard_artifacts.TransformCache, folder / "cache"),
    }
    channels: dict[str, Any] = {name: channel_utils.as_channel([value]) for name, value in inputs.items()}
    component = TextTransform(**channels)
    properties = dict(component.exec_properties)
    executor_class: Any = component.EXECUTOR_SPEC.executor_class
    if peer == "stock":
        properties["preprocessing_fn"] = "stages_workers.plain_preprocessing.preprocessing_fn"
        executor_class = transform_executor.Executor
    executor: Any = executor_class(context)
    in_lists = {name: [value] for name, value in inputs.items()}
    return lambda: executor.Do(in_lists, {name: [value] for name, value in outputs.items()}, properties), outputs


def values(folder: Path) -> Iterator[bytes]:
    """Yields the only feature of each Example in a folder's files, as text."""
    for path in sorted(folder.glob("*.gz")):
        for record in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator():
            ((name, feature),) = tf.train.Example.FromString(record).features.feature.items()
            found = feature.bytes_list.value or feature.int64_list.value
            yield json.dumps(
                [name, [value.decode() if isinstance(value, bytes) else value for value in found]]
            ).encode()


def digest(lines: Iterator[bytes]) -> str:
    """Returns the digest of lines in any order."""
    return hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()


def main(peer: str, data: str, *beam: str) -> None:
    """Runs the pair once."""
    answers = Answers()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline_args: list[Any] = [*beam_arguments(BeamConfig()), *beam]
        context = text_executor.Executor.Context(beam_pipeline_args=pipeline_args, tmp_dir=str(folder / "temporary"))
        examples = artifact(standard_artifacts.Examples, folder / "examples", SPLITS)
        seconds = {"example_gen": measured(make_examples(peer, Path(data), examples, context))}
        work, outputs = transform(peer, examples, folder, context)
        seconds["transform"] = measured(work)
        vocabulary = Path(outputs["transform_graph"].uri, "transform_fn", "assets", "vocabulary").read_bytes()
        written = {
            f"{stage}, {split}": digest(values(Path(made.uri, f"Split-{split}")))
            for stage, made in (("examples", examples), ("ids", outputs["transformed_examples"]))
            for split in SPLITS
        }
        size = sum(path.stat().st_size for path in folder.rglob("*.gz"))
    answers.send(
        seconds=seconds, written={**written, "vocabulary": hashlib.sha256(vocabulary).hexdigest()}, megabytes=size / 1e6
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
