"""What lies on disk between Transform and Trainer: bytes and parse time of three layouts.

    variable   the targets of a line, as many as there are (VarLen)
    padded     the targets of a line, padded to max_length (FixedLen)
    triple     inputs, targets and mask, each padded to max_length (FixedLen)

Each layout is read from its TFRecord file (in the page cache), parsed in batches, and brought to the same
inputs, targets and mask. Layouts take turns; a time is the median of the rounds. Times are those of the
processor, all threads added: parsing competes with training for the same cores.

    python benchmarks/disk_format.py --data corpus.txt
"""

import json
import os
import platform
import random
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
from tfx_lm.transform import padding, vocabulary

NAME = "disk_format"
OUTPUT = Path(__file__).parent / "out" / f"{NAME}.json"
MAX_LENGTHS = (32, 128)
WORDS = 10_000
BATCH = 256
LAYOUTS = ("variable", "padded", "triple")
COMPRESSIONS = {"raw": "", "gzip": "GZIP"}


def generated_lines(count: int, seed: int = 1) -> list[list[str]]:
    """Made-up lines: lengths around 21 words as in news text, words by Zipf's law."""
    chance = random.Random(seed)
    ranks = [f"w{rank}" for rank in range(1, WORDS + 1)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    return [chance.choices(ranks, weights, k=max(1, round(chance.gammavariate(4.4, 4.8)))) for _ in range(count)]


def line_ids(lines: Iterable[list[str]]) -> list[list[int]]:
    """The uncut targets of each line, with the most frequent words as vocabulary."""
    lines = list(lines)
    counts = Counter(word for line in lines for word in line)
    first = len(vocabulary.RESERVED)
    ids = {word: number for number, (word, _) in enumerate(counts.most_common(WORDS), start=first)}
    return [[*(ids.get(word, vocabulary.UNKNOWN_ID) for word in line), vocabulary.END_ID] for line in lines]


def _integers(values: Iterable[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def example(ids: list[int], layout: str, max_length: int) -> bytes:
    """One line as a serialized Example."""
    targets = ids[:max_length]
    space = [vocabulary.PAD_ID] * (max_length - len(targets))
    if layout == "variable":
        features = {"ids": _integers(targets)}
    elif layout == "padded":
        features = {"ids": _integers(targets + space)}
    else:
        mask = [1.0] * len(targets) + [0.0] * len(space)
        features = {
            "inputs": _integers([vocabulary.START_ID, *targets[:-1], *space]),
            "targets": _integers(targets + space),
            "mask": tf.train.Feature(float_list=tf.train.FloatList(value=mask)),
        }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def parser(layout: str, max_length: int) -> Callable[[tf.Tensor], padding.PaddedBatch]:
    """From `[batch]` serialized Examples to inputs, targets and mask, `[batch, max_length]`."""
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
    """Batches of one file."""
    records = tf.data.TFRecordDataset(str(path), compression_type=COMPRESSIONS[compression])
    return records.batch(BATCH).map(parser(layout, max_length)).prefetch(1)


def one_pass(data: tf.data.Dataset) -> Callable[[], tf.Tensor]:
    """A pass that counts the tokens; traced once, and with no Python for a batch."""

    def count() -> tf.Tensor:
        return data.reduce(0.0, lambda total, batch: total + tf.reduce_sum(batch.mask))

    return tf.function(count).get_concrete_function()


def seconds(run: Callable[[], tf.Tensor]) -> float:
    """Processor time of one pass."""
    begin = time.process_time()
    run().numpy()
    return time.process_time() - begin


def measure(lines: list[list[int]], max_length: int, rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """Bytes and parse time of every layout, raw and compressed.

    Returns:
      By layout: `bytes_raw`, `bytes_gzip`, `seconds_raw`, `seconds_gzip`.
    """
    figures: dict[str, dict[str, float]] = {layout: {} for layout in LAYOUTS}
    passes = {}
    for layout in LAYOUTS:
        for compression, option in COMPRESSIONS.items():
            path = folder / f"{layout}-{compression}-{max_length}"
            with tf.io.TFRecordWriter(str(path), option) as writer:
                for ids in lines:
                    writer.write(example(ids, layout, max_length))
            figures[layout][f"bytes_{compression}"] = path.stat().st_size
            passes[layout, compression] = dataset(path, compression, layout, max_length)
    reference = [batch.inputs for batch in passes["variable", "raw"]]
    for key, data in passes.items():
        # All of them say the same.
        for expected, batch in zip(reference, data, strict=True):
            tf.debugging.assert_equal(batch.inputs, expected, str(key))
    runs = {key: one_pass(data) for key, data in passes.items()}
    for run in runs.values():
        seconds(run)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            times[key].append(seconds(run))
    for (layout, compression), found in times.items():
        figures[layout][f"seconds_{compression}"] = statistics.median(found)
    return figures


def ratios_to_variable(figures: dict[str, dict[str, dict[str, float]]]) -> dict[str, float]:
    """How many times the bytes or seconds of `variable` another layout takes."""
    return {
        f"{layout}_{measured}_{max_length}": round(found[layout][measured] / found["variable"][measured], 3)
        for max_length, found in figures.items()
        for layout in LAYOUTS[1:]
        for measured in found[layout]
    }


def table(figures: dict[str, dict[str, dict[str, float]]], rows: int) -> Table:
    """The figures as people read them."""
    shown = Table(title=f"{rows:,} lines, batches of {BATCH}")
    for column in ("max_length", "layout", "raw MB", "gzip MB", "parse raw ms", "parse gzip ms"):
        shown.add_column(column, justify="left" if column == "layout" else "right")
    for max_length, found in figures.items():
        for layout, figure in found.items():
            sizes = (f"{figure[f'bytes_{compression}'] / 1e6:.2f}" for compression in COMPRESSIONS)
            times = (f"{figure[f'seconds_{compression}'] * 1e3:.0f}" for compression in COMPRESSIONS)
            shown.add_row(max_length, layout, *sizes, *times)
    return shown


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Text, one line each.")
@click.option("--rounds", type=click.IntRange(min=5), default=7, show_default=True)
@click.option("--rows", type=click.IntRange(min=1), default=50_000, show_default=True, help="Generated lines.")
def main(data: Path | None, rounds: int, rows: int) -> None:
    """Measures, prints the table, writes the JSON file."""
    if data is None:
        words = generated_lines(rows)
    else:
        words = [line.split() for line in data.read_text(encoding="utf-8").split("\n") if line.strip()]
    lines = line_ids(words)
    with tempfile.TemporaryDirectory() as folder:
        figures = {str(length): measure(lines, length, rounds, Path(folder)) for length in MAX_LENGTHS}
    console = Console()
    console.print(table(figures, len(lines)))
    report = {
        "name": NAME,
        "ratios": ratios_to_variable(figures),
        "figures": {"lines": len(lines), "rounds": rounds, "max_length": figures},
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
        },
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {OUTPUT}")


if __name__ == "__main__":
    main()
