"""Reader of `Examples` on Beam: any TFRecord files, compressed or not."""

from __future__ import annotations

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes

from .examples import compression

# Compressions: our name, that of `examples.compression`, and Beam's.
_COMPRESSIONS = (("plain", "", CompressionTypes.UNCOMPRESSED), ("gzip", "GZIP", CompressionTypes.GZIP))


def read_examples(pipeline: beam.Pipeline, files: Sequence[str], label: str) -> beam.PCollection:
    """Reads TFRecord files; workers share them.

    Args:
        pipeline: The Beam pipeline.
        files: The files, from `examples.split_files`.
        label: Distinguishes the steps from those that read other files, such as the split's name.

    Returns:
        The serialized `tf.train.Example`s, bytes.
    """
    return (
        *(
            pipeline
            | f"Files[{label},{name}]" >> beam.Create([path for path in files if compression(path) == kind])
            | f"Read[{label},{name}]" >> beam.io.ReadAllFromTFRecord(compression_type=beam_type)
            for name, kind, beam_type in _COMPRESSIONS
        ),
    ) | f"Flatten[{label}]" >> beam.Flatten()
