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
@setting_option(CompletionOptions, "length", "Words to add.")
@click.option("--greedy", is_flag=True, help="Always take the likeliest word.")
@setting_option(CompletionOptions, "temperature", "Below 1 the likely words become likelier; 0 is --greedy.")
@setting_option(CompletionOptions, "top_k", "List this many candidates, and draw from as many.")
@setting_option(
    CompletionOptions, "top_p", "Of these, draw from the fewest that have this share of the probability together."
)
@setting_option(CompletionOptions, "seed", "Seed of the draws; the same seed gives the same text.")
def command(
    model: str, text: str, length: int, greedy: bool, temperature: float, top_k: int, top_p: float, seed: int
) -> None:
    """Lists the likeliest next words of TEXT with their probabilities, then continues it.

    For MODEL, see `tfx-lm score --help`.
    """
    quiet_tensorflow()
    from ..exported import completion, scoring
    from ..exported.signatures import NEXT_WORD, SCORE, STEP, TOKENIZE

    try:
        temperature = 0.0 if greedy else temperature
        # Before the first word is shown.
        CompletionOptions.parse(
            {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        )
        loaded = scoring.load_model(model, (SCORE, NEXT_WORD, TOKENIZE, STEP))
        for word, log_probability in completion.candidates(loaded, text, top_k):
            click.echo(f"{math.exp(log_probability):8.4f}  {word}")
        if length:
            click.echo(completion.complete(loaded, text, length, temperature, top_k, top_p, seed))
        if loaded.context_tokens:
            click.echo(
                f"tfx-lm: TEXT was read as the first line of a document; the model was trained to read up to "
                f"{loaded.context_tokens} tokens before a line",
                err=True,
            )
    except ValueError as error:
        refuse(error)
