"""Answer of both peers: time of the scoring, its result, and the peak memory of the process."""

import resource

from shared.answers import Answers


def send(answers: Answers, seconds: float, tokens: int, perplexity: float) -> None:
    """Sends the answer.

    Args:
        answers: The worker's answers.
        seconds: Time of the scoring.
        tokens: Number of scored tokens.
        perplexity: Perplexity of all tokens.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    answers.send(seconds=seconds, tokens=tokens, perplexity=perplexity, peak_megabytes=peak)
