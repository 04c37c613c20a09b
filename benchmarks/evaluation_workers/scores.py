"""Answer of both peers: how long the scoring took, what came out, and the most memory of the process."""

import resource

from shared.answers import Answers


def send(answers: Answers, seconds: float, tokens: int, perplexity: float) -> None:
    """Sends the answer.

    Args:
        answers: Where to.
        seconds: Of the scoring.
        tokens: That were scored.
        perplexity: Of all of them.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    answers.send(seconds=seconds, tokens=tokens, perplexity=perplexity, peak_megabytes=peak)
