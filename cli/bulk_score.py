"""Command `tfx-lm bulk-score`: a corpus with the scores of each record, computed on any Beam runner."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import click

from ..errors import escape
from ..pipelines.uncollected import import_uncollected
from ..progress import listening
from ..remote import is_remote
from ..text_files.options import RecordOptions
from .quiet_tensorflow import is_quiet, quiet_imports
from .refusal import refuse
from .setting_option import setting_option


@click.command("bulk-score")
@click.argument("model", type=click.Path())
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--output", required=True, help="The new folder to write.")
@click.option("--keep", default="", help="Write only records with such scores, as 'bits_per_byte < 2 and tokens >= 5'.")
@click.option(
    "--text-field",
    default=RecordOptions.model_fields["text_field"].default,
    show_default=True,
    help="The field of JSON records, or column of CSV and Parquet files, that holds the text.",
)
@setting_option(RecordOptions, "invalid_utf8", "What to do with lines that are not UTF-8.")
@setting_option(RecordOptions, "invalid_records", "What to do with records without a usable text.")
@setting_option(RecordOptions, "documents", "Which lines are a document, for a model that reads a context.")
@click.option(
    "--beam-arg",
    "beam_args",
    multiple=True,
    help="An option of the Beam runner, such as --beam-arg=--direct_num_workers=2; can be repeated.",
)
def command(
    model: str, files: tuple[str, ...], output: str, keep: str, beam_args: tuple[str, ...], **record_options: str
) -> None:
    """Scores the records of many files on Beam, and writes each with its scores, as compressed JSON lines.

    MODEL is as for `tfx-lm score`. FILE is a path or a pattern, of any type that `tfx-lm run` reads. A record keeps its
    own fields; its scores begin with lm_: lm_perplexity, lm_bits_per_byte, lm_log_probability, lm_tokens, lm_bytes,
    lm_oov_tokens, lm_truncated_tokens. The scores of all records and of those that were kept are printed, and are in
    scores.json.

    A model that was trained with contexts reads before each line what came before it in its document, as `tfx-lm score`
    does, and lm_context_tokens is how much. With --documents=record, a record is written once for each line of its
    text, which stands in the place of the text.
    """
    with quiet_imports():
        import_uncollected("tfx_lm.components.bulk_score.score_files")
        from ..components.bulk_score.score_files import score_files
        from ..exported.exported_model import context_tokens_of, newest_version
        from ..exported.score_warnings import MANY_UNKNOWN, unknown_share
        from ..pipelines.beam.arguments import beam_arguments
        from ..pipelines.beam.options import BeamConfig, is_option, option_name
        from ..pipelines.local.interrupts import ending_on_signals
        from ..pipelines.output_name import check_output_name

    if is_quiet():
        # What it logs is raised, too.
        logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)
    folder = output if is_remote(output) else str(Path(output).expanduser().absolute())
    try:
        if not is_remote(output):
            check_output_name(f"--output={output}", folder)
        for argument in beam_args:
            if not is_option(argument):
                raise ValueError(
                    f"--beam-arg={escape(argument)}: must be an option with its value, such as "
                    "--beam-arg=--direct_num_workers=2"
                )
        if not any(option_name(argument) == "runner" for argument in beam_args):
            beam_args = (*beam_arguments(BeamConfig()), *beam_args)
        with (
            listening(lambda text, _: click.echo(f"tfx-lm: {text}", err=True)),
            ending_on_signals("no scores were written"),
        ):
            scores = score_files(model, files, folder, keep, RecordOptions.parse(record_options), beam_args)
    except ValueError as error:
        refuse(error)
    click.echo(json.dumps(scores))
    if record_options["documents"] == "none" and (context := context_tokens_of(newest_version(model))):
        click.echo(
            f"tfx-lm: each record was scored as the first of a document; the model reads up to {context} tokens "
            "before a line: say which lines are a document with --documents",
            err=True,
        )
    if (share := unknown_share(scores["scored"])) >= MANY_UNKNOWN:
        click.echo(
            f"tfx-lm: {100 * share:.3g} % of the scored tokens are unknown words to this model, which makes the "
            "perplexity low; compare bits per byte",
            err=True,
        )
    if not scores["kept"]["lines"]:
        click.echo(f"tfx-lm: --keep {keep!r} keeps no record; the scores above say what to expect", err=True)
