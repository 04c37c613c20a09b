"""TFRecord files in blocks: what is written is what TensorFlow writes and reads, and damage is an error."""

import bz2
import gzip
import io

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx_lm.components import example_blocks
from tfx_lm.components.example_blocks import ReadBlocks, blocks_of, framed, records_of, write_blocks

RECORDS = [b"", b"a", b"\x00\xff" * 300, "猫".encode()]


def read(path) -> list[bytes]:
    compression = "GZIP" if path.suffix == ".gz" else ""
    return list(tf.data.TFRecordDataset(str(path), compression).as_numpy_iterator())


def test_records_are_framed_as_tensorflow_frames_them(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in RECORDS:
            writer.write(record)
    content = (tmp_path / "theirs").read_bytes()
    assert framed(RECORDS) == content
    assert list(records_of(io.BytesIO(content))) == RECORDS
    assert framed([]) == b""


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:-1], "ends within a record"),
        (lambda content: content[:7], "ends within a record's length"),
        (lambda content: b"\x07" + content[1:], "checksum of a record's length"),
        (lambda content: content[:12] + b"A" + content[13:], "checksum of a record is"),
    ],
)
def test_damage_is_an_error(damage, why):
    with pytest.raises(ValueError, match=why):
        list(records_of(io.BytesIO(damage(framed([b"a"])))))


def test_a_block_has_few_records_and_few_bytes(monkeypatch):
    monkeypatch.setattr(example_blocks, "BLOCK_RECORDS", 3)
    monkeypatch.setattr(example_blocks, "BLOCK_BYTES", 4)
    assert list(blocks_of([b"a", b"b", b"c", b"d", b"efg", b"h"])) == [[b"a", b"b", b"c"], [b"d", b"efg"], [b"h"]]
    assert list(blocks_of([])) == []


@pytest.mark.parametrize("name", ["a", "a.gz", "a.GZ", "a.bz2"])
def test_a_file_is_read_as_its_name_says(tmp_path, name):
    content = framed(RECORDS)
    if name == "a.bz2":
        content = bz2.compress(content)
    elif name != "a":
        # Two members: what `cat one.gz two.gz` makes.
        content = gzip.compress(content[:9]) + gzip.compress(content[9:])
    (tmp_path / name).write_bytes(content)
    assert list(ReadBlocks().process(str(tmp_path / name))) == [RECORDS]


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_file_is_read_by_its_content(tmp_path, name, compress):
    (tmp_path / name).write_bytes(compress(framed(RECORDS)))
    assert list(ReadBlocks(by_name=False).process(str(tmp_path / name))) == [RECORDS]


WHOLE = gzip.compress(framed([b"a" * 100]), mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a", framed([b"a"])[:-1], "it ends within a record"),
        ("a.gz", WHOLE[:-12], "Compressed file ended before"),
        ("a.gz", WHOLE[:-8] + b"\x00\x00\x00\x00" + WHOLE[-4:], "CRC check failed"),
        ("a.gz", framed([b"a"]), "Not a gzipped file"),
        ("a.gz", WHOLE[:20] + b"\xff\xff" + WHOLE[22:], "Error -3 while decompressing"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{tmp_path}/{name}: not a valid TFRecord file \({why}.*; write it again$"):
        list(ReadBlocks().process(str(tmp_path / name)))


@pytest.mark.slow
def test_blocks_are_written_to_one_file_in_order(tmp_path):
    for name in ("once", "again"):
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            blocks = pipeline | beam.Create([RECORDS, [], [b"b"]], reshuffle=False)
            _ = blocks | write_blocks(str(tmp_path / name))
    once, again = (tmp_path / f"{name}-00000-of-00001.gz" for name in ("once", "again"))
    assert read(once) == [*RECORDS, b"b"]
    assert once.read_bytes() == again.read_bytes()
