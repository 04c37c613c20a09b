"""Disk formats between Transform and Trainer: bytes and parse time of three layouts.

    variable   the targets of a line, without padding (VarLen)
    padded     the targets of a line, padded to max_length (FixedLen)
    triple     inputs, targets and mask, each padded to max_length (FixedLen)

Each layout is read from its TFRecord file (in the page cache), parsed in batches, and brought to the same
inputs, targets and mask. Layouts take turns; a time is the median of the rounds, in processor time of
all threads, since parsing competes with training for the same cores.

    make bench-disk_format [DATA=FILE]
"""

import functools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from shared.corpus import WORDS, read_lines
from shared.examples import integers, write_examples
from shared.options import benchmark_options
from shared.report import Report, describe_machine, figures_table
from shared.rounds import take_turns, warm_up
from tfx_lm.transform import padding, vocabulary

NAME = "disk_format"
MAX_LENGTHS = (32, 128)
BATCH = 256
LAYOUTS = ("variable", "padded", "triple")
COMPRESSIONS = {"raw": "", "gzip": "GZIP"}


def line_ids(lines: Iterable[str]) -> list[list[int]]:
    """Returns the uncut targets of each line, with the most frequent words as vocabulary."""
    split = [line.split() for line in lines]
    counts = Counter(word for words in split for word in words)
    first = len(vocabulary.RESERVED)
    ids = {word: number for number, (word, _) in enumerate(counts.most_common(WORDS), start=first)}
    return [[*(ids.get(word, vocabulary.UNKNOWN_ID) for word in words), vocabulary.END_ID] for words in split]


def features(ids: list[int], layout: str, max_length: int) -> dict[str, tf.train.Feature]:
    """Returns the Example of one line."""
    targets = ids[:max_length]
    space = [vocabulary.PAD_ID] * (max_length - len(targets))
    if layout == "variable":
        return {"ids": integers(targets)}
    if layout == "padded":
        return {"ids": integers(targets + space)}
    mask = [1.0] * len(targets) + [0.0] * len(space)
    return {
        "inputs": integers([vocabulary.START_ID, *targets[:-1], *space]),
        "targets": integers(targets + space),
        "mask": tf.train.Feature(float_list=tf.train.FloatList(value=mask)),
    }


def parser(layout: str, max_length: int) -> Callable[[tf.Tensor], padding.PaddedBatch]:
    """Returns a function from `[batch]` serialized Examples to inputs, targets and mask, `[batch, max_length]`."""
    fixed = tf.io.FixedLenFeature([max_length], tf.int64)

    def variable(records: tf.Tensor) -> padding.PaddedBatch:
        spec = tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)
        return padding.pad_batch(tf.io.parse_example(records, {"ids": spec})["ids"], max_length)

    def padded(records: tf.Tensor) -> padding.PaddedBatch:
        targets = tf.io.parse_example(records, {"ids": fixed})["ids"]
        real = targets != vocabulary.PAD_ID
        start = tf.fill([tf.shape(targets)[0], 1], tf.constant(vocabulary.START_ID, tf.int64))
        inputs = tf.concat([start, targets[:, :-1]], axis=1) * tf.cast(real, tf.int64)
        return padding.PaddedBatch(inputs, targets, tf.cast(real, tf.float32))

    def triple(records: tf.Tensor) -> padding.PaddedBatch:
        mask = tf.io.FixedLenFeature([max_length], tf.float32)
        return padding.PaddedBatch(**tf.io.parse_example(records, {"inputs": fixed, "targets": fixed, "mask": mask}))

    return {"variable": variable, "padded": padded, "triple": triple}[layout]


def dataset(path: Path, compression: str, layout: str, max_length: int) -> tf.data.Dataset:
    """Returns the batches of one file."""
    records = tf.data.TFRecordDataset(str(path), compression_type=COMPRESSIONS[compression])
    return records.batch(BATCH).map(parser(layout, max_length)).prefetch(1)


def one_pass(data: tf.data.Dataset) -> Callable[[], tf.Tensor]:
    """Returns a pass that counts the tokens; traced once, without Python for each batch."""

    def count() -> tf.Tensor:
        return data.reduce(0.0, lambda total, batch: total + tf.reduce_sum(batch.mask))

    return tf.function(count).get_concrete_function()


def seconds(run: Callable[[], tf.Tensor]) -> float:
    """Measures the processor time of one pass."""
    begin = time.process_time()
    run().numpy()
    return time.process_time() - begin


def measure(
    lines: list[list[int]], max_length: int, rounds: int, folder: Path, console: Console
) -> dict[str, dict[str, float]]:
    """Measures bytes and parse time of every layout, raw and compressed.

    Args:
        lines: The ids of each line.
        max_length: Longer lines are cut.
        rounds: Number of rounds that count.
        folder: A folder for the files.
        console: The console for progress.

    Returns:
        By layout: `bytes_raw`, `bytes_gzip`, `seconds_raw`, `seconds_gzip`.
    """
    figures: dict[str, dict[str, float]] = {layout: {} for layout in LAYOUTS}
    passes = {}
    for layout in LAYOUTS:
        for compression, option in COMPRESSIONS.items():
            path = folder / f"{layout}-{compression}-{max_length}"
            write_examples(path, (features(ids, layout, max_length) for ids in lines), option)
            figures[layout][f"bytes_{compression}"] = path.stat().st_size
            passes[layout, compression] = dataset(path, compression, layout, max_length)
    reference = [batch.inputs for batch in passes["variable", "raw"]]
    for key, data in passes.items():
        # All of them are the same.
        for expected, batch in zip(reference, data, strict=True):
            tf.debugging.assert_equal(batch.inputs, expected, str(key))
    runs = {key: functools.partial(seconds, one_pass(data)) for key, data in passes.items()}
    warm_up(runs, console)
    for (layout, compression), times in take_turns(runs, rounds, console).items():
        figures[layout][f"seconds_{compression}"] = statistics.median(times)
    return figures


def ratios_to_variable(figures: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """Returns the bytes and seconds of the other layouts over those of `variable`."""
    return {
        f"{layout}_{measured}_{max_length}": layouts[layout][measured] / layouts["variable"][measured]
        for max_length, layouts in figures.items()
        for layout in LAYOUTS[1:]
        for measured in layouts[layout]
    }


def table(figures: dict[str, dict[str, dict[str, float]]], rows: int) -> Table:
    """Returns the table of the figures."""
    sizes_and_times = ["raw MB", "gzip MB", "parse raw ms", "parse gzip ms"]
    shown = figures_table(["max_length", "layout"], sizes_and_times, title=f"{rows:,} lines, batches of {BATCH}")
    for max_length, layouts in figures.items():
        for layout, figure in layouts.items():
            sizes = (f"{figure[f'bytes_{compression}'] / 1e6:.2f}" for compression in COMPRESSIONS)
            times = (f"{figure[f'seconds_{compression}'] * 1e3:.0f}" for compression in COMPRESSIONS)
            shown.add_row(max_length, layout, *sizes, *times)
    return shown


@click.command(help=__doc__)
@benchmark_options(NAME)
def main(data: Path | None, rounds: int, output: Path) -> None:
    """Measures, prints the table, writes the JSON file."""
    machine, console = describe_machine(), Console()
    lines = line_ids(read_lines(data))
    with tempfile.TemporaryDirectory() as folder:
        figures = {str(length): measure(lines, length, rounds, Path(folder), console) for length in MAX_LENGTHS}
    everything = {"lines": len(lines), "rounds": rounds, "max_length": figures}
    report = Report(NAME, ratios_to_variable(figures), everything, machine)
    report.publish([table(figures, len(lines))], output, console)


if __name__ == "__main__":
    main()
