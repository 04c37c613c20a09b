"""Ways to regularise: validation perplexity after equal processor time of training.

Each variant is the trainer's defaults with some options changed, or with what the package lacks. It is trained for as
many epochs as fit into the time. Two short trainings on a part of the lines tell the time of an epoch, for all
variants with batches of the same size. Every training is a process of its own, one after the other, on the same ids.

    make bench-regularisation DATA=train.txt
"""

import multiprocessing
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from shared.corpus import read_lines
from shared.held_out import epochs_in, sample, split_lines, train, transform, write_ids
from shared.options import TEXT_FILE, output_option
from shared.report import Report, describe_machine, figures_table
from shared.tried_models import LayerNorm, WordDropout
from tfx_lm.components.trainer import untrained_model
from tfx_lm.components.trainer.training import TrainableLanguageModel
from tfx_lm.model.options import TrainerOptions

NAME = "regularisation"
BASELINE = "baseline"
COSINE = {"schedule": "cosine"}
SMALL = {"batch_tokens": 1024}
AVERAGE = {"ema_momentum": 0.98}


class Variant(NamedTuple):
    """What is different from the baseline.

    Attributes:
        options: Options of the trainer.
        model: The class of the model, if it is not the trainer's own.
    """

    options: Mapping[str, Any]
    model: type[TrainableLanguageModel] | None = None


VARIANTS: dict[str, Variant] = {
    BASELINE: Variant({}),
    "average": Variant(AVERAGE),
    "cosine": Variant(COSINE),
    "cosine, average": Variant({**COSINE, **AVERAGE}),
    "1,024 a batch": Variant(SMALL),
    "1,024, average": Variant({**SMALL, **AVERAGE}),
    "1,024, cosine": Variant({**SMALL, **COSINE}),
    "512 a batch": Variant({"batch_tokens": 512}),
    "word dropout": Variant({}, WordDropout),
    "residual": Variant({"residual": True}),
    "layer norm": Variant({}, LayerNorm),
}
TEXT_OPTIONS = {"tokenizer": "whitespace", "lowercase": False, "max_length": 64}
# The time ends every training, not the validation.
TRAINER = {"early_stopping_patience": 1000}
# Share of the lines of the trainings that tell the speed. Of fewer, what is done once in an epoch would be most of it.
SAMPLE = 2


class Result(NamedTuple):
    """What a variant reached.

    Attributes:
        perplexity: The lowest validation perplexity of its epochs.
        best_epoch: The epoch that had it, from 1.
        epochs: Epochs of its training.
        seconds: Its processor time, with that of set-up and export.
    """

    perplexity: float
    best_epoch: int
    epochs: int
    seconds: float


def train_variant(data: Path, config: dict[str, Any], output: Path, variant: str, units: int, epochs: int) -> Result:
    """Trains; to be called in a process of its own, whose processor time it is."""
    changed = VARIANTS[variant]
    if changed.model is not None:
        untrained_model.TrainableLanguageModel = changed.model  # type: ignore[misc]
    options = {**TRAINER, **changed.options, "embedding_units": units, "units": units, "epochs": epochs}
    trained = train(data, config, output, options)
    course = [epoch["validation_perplexity"] for epoch in trained.epochs]
    return Result(min(course), course.index(min(course)) + 1, epochs, trained.seconds)


def ratios_of(results: Mapping[str, Result]) -> dict[str, float]:
    """Returns the perplexity of each variant over the baseline's."""
    baseline = results.get(BASELINE)
    if baseline is None:
        return {}
    return {name: result.perplexity / baseline.perplexity for name, result in results.items() if name != BASELINE}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=TEXT_FILE, required=True, help="Text, one sentence a line, tokenised.")
@click.option("--seconds", default=240.0, show_default=True, help="Processor time of each training.")
@click.option("--words", default=10_000, show_default=True, help="Size of the vocabulary.")
@click.option("--units", default=TrainerOptions().units, show_default=True, help="Width of embedding and layers.")
@click.option("--share", default=1, show_default=True, help="Take every so many lines.")
@click.option(
    "--known",
    type=(int, int),
    multiple=True,
    metavar="BATCH EPOCHS",
    help="Epochs of the trainer's own layers that fit, instead of measuring it.",
)
@click.option("--variants", default=";".join(VARIANTS), help="Names, with semicolons between.  [default: all]")
@output_option(NAME)
def main(
    data: Path,
    seconds: float,
    words: int,
    units: int,
    share: int,
    known: tuple[tuple[int, int], ...],
    variants: str,
    output: Path,
) -> None:
    """Measures ways to regularise."""
    names = variants.split(";")
    if unknown := sorted(set(names) - VARIANTS.keys()):
        raise click.BadParameter(f"{'; '.join(unknown)}: must be among {'; '.join(VARIANTS)}", param_hint="--variants")
    machine = describe_machine()
    lines = sample(split_lines(read_lines(data)), share)
    processes = multiprocessing.get_context("spawn")
    results: dict[str, Result] = {}
    # Other layers have another speed.
    epochs: dict[tuple[int, type | None], int] = {(batch, None): count for batch, count in known}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def in_a_process(*arguments: Any) -> Result:
            with processes.Pool(1) as pool:
                result: Result = pool.apply(train_variant, arguments)
            return result

        with processes.Pool(1) as pool:
            text_options = {**TEXT_OPTIONS, "vocabulary": {"size": words}}
            config = pool.apply(transform, (folder, lines, text_options))
            # With the same graph, since the speed depends on the size of the vocabulary.
            pool.apply(write_ids, (folder / "few", folder / "graph", sample(lines, SAMPLE)))
        (folder / "few" / "graph").symlink_to(folder / "graph")
        for variant in names:
            batch = TrainerOptions.parse(VARIANTS[variant].options).batch_tokens
            kind = batch, VARIANTS[variant].model
            if kind not in epochs:
                once, twice = (
                    in_a_process(
                        folder / "few", config, folder / f"speed-{batch}-{count}", variant, units, count
                    ).seconds
                    for count in (1, 2)
                )
                epochs[kind] = epochs_in(seconds, once, twice, SAMPLE)
            results[variant] = in_a_process(folder, config, folder / variant, variant, units, epochs[kind])
            click.echo(f"{variant}: {results[variant]}")
    table = figures_table(["variant"], ["perplexity", "best epoch", "epochs", "processor s"])
    for variant, result in results.items():
        table.add_row(
            variant, f"{result.perplexity:.2f}", str(result.best_epoch), str(result.epochs), f"{result.seconds:.0f}"
        )
    figures = {
        "lines": {split: len(of_split) for split, of_split in lines.items()},
        "seconds": seconds,
        "words": words,
        "units": units,
        "variants": {variant: {**VARIANTS[variant].options, **result._asdict()} for variant, result in results.items()},
    }
    Report(NAME, ratios_of(results), figures, machine).publish([table], output, Console())


if __name__ == "__main__":
    main()
