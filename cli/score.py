"""Command `tfx-lm score`: the score of each line of a file."""

from __future__ import annotations

import json
from typing import Any

import click

from .quiet_tensorflow import quiet_tensorflow
from .refusal import refuse
from .text_input import UntilError, text_input, texts_of, warn_without_documents


@click.command("score")
@click.argument("model", type=click.Path())
@text_input
def command(model: str, **input_options: Any) -> None:
    """Scores each line of FILE (or of standard input) as one JSON object; the corpus comes last.

    MODEL is a pushed version's folder, or the folder of all versions; then the newest is taken. FILE is any file that
    `tfx-lm run` reads: text, JSON lines, CSV or Parquet, by its ending. A pipe brings lines of text, compressed or not.

    A model that was trained with contexts reads before each line what came before it in its document; --documents says
    which lines are one, as `data.documents` does for `tfx-lm run`. Without it, each line begins a document.

    Exit code 2: a line that cannot be read. Of a file, nothing is scored then; of a pipe, the lines before it.
    """
    quiet_tensorflow()
    from ..exported import scoring
    from ..exported.calls_at_once import one_thread_for_each_call

    one_thread_for_each_call()
    try:
        scorer = scoring.load_model(model)
        texts = UntilError(texts_of(models=[scorer], **input_options))
    except ValueError as error:
        refuse(error)
    total = scoring.CorpusScore.empty()
    for line in scoring.score_texts(scorer, texts):
        total += scoring.CorpusScore.from_line(line)
        click.echo(json.dumps(line.as_json()))
    if texts.error is not None:
        lines = int(total.sums.sentences)
        before = "1 line" if lines == 1 else f"{lines:,} lines"
        refuse(texts.error, f". Scored: {before} before it, without the corpus" if lines else "")
    click.echo(json.dumps(total.as_json()))
    warn_without_documents([scorer], input_options["documents"])
