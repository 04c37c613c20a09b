"""TFX's Transform with its Examples read and written in blocks; private attributes of TFX and tfx_bsl.

They were seen in 1.16 and 1.21 of both. TFX has no argument for another reader or writer: `Executor.Do` takes
`TransformProcessor` by its name from its module, and that one calls the methods below.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.transform import executor, labels
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import tf_example_record

from ..example_blocks import read_blocks, write_blocks


def do_with(processor: type[executor.TransformProcessor]) -> Callable[..., None]:
    """Returns TFX's `Executor.Do`, which uses another `TransformProcessor`."""
    do: Any = executor.Executor.Do
    names = {**vars(executor), executor.TransformProcessor.__name__: processor}
    return types.FunctionType(do.__code__, names, do.__name__, do.__defaults__, do.__closure__)


class BlockProcessor(executor.TransformProcessor):
    """Reads and writes blocks where Examples are TFRecord files of `tf.Example`s, as TextExampleGen writes them."""

    def _CreateTFXIO(self, dataset: Any, schema: schema_pb2.Schema) -> Any:
        made = super()._CreateTFXIO(dataset, schema)
        return _ExampleBlocks.like(made) if type(made) is tf_example_record.TFExampleRecord else made

    @staticmethod
    def _EncodeAndWrite(*args: Any, **kwargs: Any) -> Any:
        return _encode_and_write(*args, **kwargs)


def _encode_and_write(schema: schema_pb2.Schema, file_format: str, output_path: str) -> beam.PTransform:
    if file_format == labels.FORMAT_TFRECORD:
        return _EncodeAndWrite(schema, output_path)
    return executor.TransformProcessor._EncodeAndWrite(schema, file_format, output_path)


class _EncodeAndWrite(beam.PTransform):
    """Writes transformed RecordBatches as Examples."""

    def __init__(self, schema: schema_pb2.Schema, output_path: str) -> None:
        super().__init__()
        self._schema = schema
        self._output_path = output_path

    def expand(self, batches: beam.PCollection) -> Any:
        return batches | "Encode" >> beam.ParDo(_Encode(self._schema)) | "Write" >> write_blocks(self._output_path)


@beam.typehints.with_output_types(list[bytes])
class _Encode(beam.DoFn):
    """Turns RecordBatches, each in a pair with features that pass through, into lists of serialized Examples."""

    def __init__(self, schema: schema_pb2.Schema) -> None:
        self._encoder = example_coder.RecordBatchToExamplesEncoder(schema)

    def process(self, batch: tuple[pa.RecordBatch, dict[str, pa.Array]]) -> Iterator[list[bytes]]:
        yield self._encoder.encode(batch[0])


class _ExampleBlocks(tf_example_record.TFExampleRecord):
    """TFX's reader of TFRecord files, for RecordBatches alone."""

    @classmethod
    def like(cls, other: tf_example_record.TFExampleRecord) -> _ExampleBlocks:
        """Returns a reader of the same files with the same schema."""
        return cls(
            file_pattern=other._file_pattern, schema=other._schema, telemetry_descriptors=other.telemetry_descriptors
        )

    def BeamSource(self, batch_size: int | None = None) -> beam.PTransform:
        """Returns a transform from a pipeline to its RecordBatches; the blocks decide about their sizes."""
        files = [found.path for match in FileSystems.match(self._file_pattern) for found in match.metadata_list]
        if not files:
            raise OSError(f"no files match {', '.join(self._file_pattern)}")
        return _Read(sorted(files), self._GetSchemaForDecoding().SerializeToString())

    def _ProjectImpl(self, tensor_names: list[str]) -> _ExampleBlocks:
        return self.like(super()._ProjectImpl(tensor_names))


@beam.typehints.with_input_types(beam.Pipeline)
class _Read(beam.PTransform):
    """Reads files to RecordBatches."""

    def __init__(self, files: list[str], schema: bytes) -> None:
        super().__init__()
        self._files = files
        self._schema = schema

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return pipeline | "Read" >> read_blocks(self._files) | "Decode" >> beam.ParDo(_Decode(self._schema))


@beam.typehints.with_input_types(list[bytes])
@beam.typehints.with_output_types(pa.RecordBatch)
class _Decode(beam.DoFn):
    """Turns lists of serialized Examples into RecordBatches."""

    def __init__(self, schema: bytes) -> None:
        self._decoder = example_coder.ExamplesToRecordBatchDecoder(schema)

    def process(self, examples: list[bytes]) -> Iterator[pa.RecordBatch]:
        yield self._decoder.DecodeBatch(examples)
