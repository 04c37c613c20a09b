"""Command `tfx-lm complete`: likely next words, and a continuation."""

from __future__ import annotations

import math

import click

from ..exported.completion_options import CompletionOptions
from .quiet_tensorflow import quiet_tensorflow
from .refusal import refuse
from .setting_option import setting_option


@click.command("complete")
@click.argument("model", type=click.Path())
@click.argument("text")
@click.option("--context", default="", help="The lines before TEXT in its document, for a model that reads a context.")
@setting_option(CompletionOptions, "length", "Words to add.")
@click.option("--greedy", is_flag=True, help="Always take the likeliest word.")
@setting_option(CompletionOptions, "temperature", "Below 1 the likely words become likelier; 0 is --greedy.")
@setting_option(CompletionOptions, "top_k", "List this many candidates, and draw from as many.")
@setting_option(
    CompletionOptions, "top_p", "Of these, draw from the fewest that have this share of the probability together."
)
@setting_option(CompletionOptions, "seed", "Seed of the draws; the same seed gives the same text.")
def command(
    model: str,
    text: str,
    context: str,
    length: int,
    greedy: bool,
    temperature: float,
    top_k: int,
    top_p: float,
    seed: int,
) -> None:
    """Lists the likeliest next words of TEXT with their probabilities, then continues it.

    For MODEL, see `tfx-lm score --help`. A model that was trained with contexts reads before the last line of TEXT the
    lines of --context and the other lines of TEXT, and says so if there are none.
    """
    quiet_tensorflow()
    from ..exported import completion, scoring
    from ..exported.signatures import NEXT_WORD, SCORE, STEP, TOKENIZE
    from ..exported.text_in_document import in_document

    try:
        temperature = 0.0 if greedy else temperature
        # Before the first word is shown.
        CompletionOptions.parse(
            {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        )
        loaded = scoring.load_model(model, (SCORE, NEXT_WORD, TOKENIZE, STEP))
        for word, log_probability in completion.candidates(loaded, text, top_k, context):
            click.echo(f"{math.exp(log_probability):8.4f}  {word}")
        if length:
            click.echo(completion.complete(loaded, text, length, temperature, top_k, top_p, seed, context))
        if loaded.context_tokens and not in_document(loaded, text, context).context:
            click.echo(
                f"tfx-lm: TEXT was read as the first line of a document; the model reads up to {loaded.context_tokens} "
                "tokens before a line: give the lines before it with --context",
                err=True,
            )
    except ValueError as error:
        refuse(error)
