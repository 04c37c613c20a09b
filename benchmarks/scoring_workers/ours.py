"""Peer: what `tfx-lm score` does with a file of lines."""

import json
import os
import sys
import time
from pathlib import Path

from shared.answers import Answers
from tfx_lm.exported.scoring import CorpusScore, load_model, score_lines


def main(model: str, text: str) -> None:
    """Scores the file once for each question."""
    answers = Answers()
    scorer = load_model(model)
    for _ in sys.stdin:
        begin = time.perf_counter()
        total = CorpusScore.empty()
        with Path(text).open("rb") as lines, Path(os.devnull).open("w") as printed:
            for line in score_lines(scorer, lines):
                total += CorpusScore.from_line(line)
                printed.write(json.dumps(line.as_json()) + "\n")
        answers.send(
            seconds=time.perf_counter() - begin,
            tokens=int(total.sums.tokens),
            perplexity=total.sums.perplexity,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
