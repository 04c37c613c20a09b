"""A file of text through all that reads it: the checks before a run, the node, and `score`; in this process."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from helpers.plain_files import BrokenError, Content, content_of
from tfx_lm.components.merge_additive import MergeAdditive
from tfx_lm.components.text_example_gen.input_counts import Counts
from tfx_lm.components.text_example_gen.inputs import check_inputs
from tfx_lm.components.text_example_gen.problems import describe
from tfx_lm.components.text_example_gen.reading import ReadFiles, ReadFilesInBlocks, open_stored
from tfx_lm.components.text_example_gen.splitting import HashSplit
from tfx_lm.components.text_example_gen.to_examples import COUNTS_TAG, ToExamples
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.options import RecordOptions
from tfx_lm.text_files.texts import read_texts

SPLIT = {"train": 9, "eval": 1}
# Refusals of files that could be read as what they are called, and are most likely something else.
BY_LOOK = (
    "not text but ", "called plain text, but holds ", "holds a JSON array", "holds JSON objects that run over lines",
    "columns are separated by ",
    # Python's gzip does not look at what the standard demands of a header.
    "unknown header flags set", "header crc mismatch",
    # pyarrow reads a table whose row groups claim other numbers of rows than the whole.
    "damaged: it says that it has ",
)  # fmt: skip
EMPTY = ("would be empty", "the corpus is empty")


@dataclass
class Read:
    """What a node has read.

    Attributes:
        counts: Its counts.
        texts: The texts of the Examples, in order.
        refused: Why the input cannot be used, or "".
    """

    counts: Counts
    texts: list[str]
    refused: str


def read_in_ranges(path: Path, options: RecordOptions, cuts: int, seed: int) -> Read:
    """Reads a file as TextExampleGen's node does, in ranges that begin at random positions."""
    import tensorflow as tf

    reader = ReadFiles([("", str(path))], [path.stat().st_size], options)
    choose = random.Random(seed)
    bounds = [0, *sorted({choose.randrange(1, reader.total) for _ in range(cuts)} if reader.total > 1 else ())]
    total, texts = Counts(), []
    for start, stop in zip(bounds, [*bounds[1:], reader.total], strict=True):
        step = ToExamples(HashSplit(SPLIT), options)
        step.start_bundle()
        tracker = OffsetRestrictionTracker(OffsetRange(start, stop))
        for records in ReadFilesInBlocks(reader).process(reader.corpus, tracker):
            # In the order of the records, which are of two splits.
            for record in records:
                for output in step.process([record]):
                    (serialized,) = output.value
                    example = tf.train.Example.FromString(serialized)
                    texts.append(example.features.feature["text"].bytes_list.value[0].decode())
        tracker.check_done()
        for output in step.finish_bundle():
            if output.tag == COUNTS_TAG:
                total = total + output.value.value
    total = Counts.from_json(MergeAdditive(Counts).merge_accumulators([total]).to_json())
    try:
        refused = describe(total, options.text_field, open_stored)
    except InputError as error:
        refused = str(error)
    return Read(total, texts, refused)


def check_read(path: Path, *, drop: bool = False, cuts: int = 3, seed: int = 0) -> str:
    """Reads a file in all ways, and compares what they find with each other and with the plain counts.

    Args:
        path: The file; records have the field `text`.
        drop: Whether records that cannot be used are dropped; otherwise they are errors.
        cuts: At how many positions the node's ranges are cut.
        seed: Of the positions.

    Returns:
        Why the file is refused, or "".
    """
    action = "drop" if drop else "error"
    options = RecordOptions(invalid_utf8=action, invalid_records=action)
    plain: Content | None
    try:
        plain = content_of(path.name, path.read_bytes())
    except BrokenError:
        plain = None
    at_once = ""
    try:
        check_inputs([str(path)], None, SPLIT, options)
    except InputError as error:
        at_once = str(error)
    assert "\n" not in at_once
    read = read_in_ranges(path, options, cuts, seed)
    scored, refused_score = [], ""
    try:
        scored = [text.text.decode() for text in read_texts(str(path), options)]
    except InputError as error:
        refused_score = str(error)
    assert "\n" not in refused_score

    usable = plain is not None and (drop or not plain.not_utf8 + plain.invalid)
    if read.refused:
        assert refused_score, read.refused
        assert not usable or any(words in read.refused for words in BY_LOOK), read.refused
    else:
        assert plain is not None
        assert usable
        assert read.texts == plain.texts
        counts = read.counts
        assert counts.lines == plain.lines
        assert counts.empty_lines_dropped == plain.empty
        assert (counts.invalid_utf8_dropped, counts.invalid_records_dropped) == (plain.not_utf8, plain.invalid)
        assert sum(counts.examples.values()) == len(plain.texts)
        if not refused_score:
            assert scored == plain.texts
    # Before the run, only the first lines are read; what lies behind, the node finds.
    if refused_score:
        assert at_once or read.refused, refused_score
    if at_once and not read.refused:
        assert any(words in at_once for words in (*BY_LOOK, *EMPTY)), at_once
    return at_once or read.refused
