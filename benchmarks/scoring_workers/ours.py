"""Peer: what `tfx-lm score` and `tfx-lm compare` do with a file of lines."""

import json
import os
import sys
import time
from pathlib import Path

from shared.answers import Answers
from tfx_lm.exported.calls_at_once import one_thread_for_each_call
from tfx_lm.exported.comparison import compare_models
from tfx_lm.exported.scoring import CorpusScore, ExportedModel, load_model, score_lines
from tfx_lm.exported.sums import EvaluationSums


def scored(scorer: ExportedModel, text: Path) -> list[EvaluationSums]:
    """Returns the sums of all lines; each is printed as JSON."""
    total = CorpusScore.empty()
    with text.open("rb") as lines, Path(os.devnull).open("w") as printed:
        for line in score_lines(scorer, lines):
            total += CorpusScore.from_line(line)
            printed.write(json.dumps(line.as_json()) + "\n")
    return [total.sums]


def compared(candidate: ExportedModel, baseline: ExportedModel, text: Path) -> list[EvaluationSums]:
    """Returns the sums of both models; the comparison is printed as JSON."""
    with text.open("rb") as lines, Path(os.devnull).open("w") as printed:
        comparison = compare_models(candidate, baseline, lines)
        values = comparison.as_json(tolerance=0.01, slice_tolerance=0.1, slice_min_sentences=100)
        printed.write(json.dumps(values) + "\n")
    return [comparison.total.candidate.totals, comparison.total.baseline.totals]


def main(model: str, text: str) -> None:
    """Reads the file once for each question, whose `work` is `score` or `compare`."""
    answers = Answers()
    one_thread_for_each_call()
    candidate, baseline = load_model(model), load_model(model)
    for question in sys.stdin:
        compares = json.loads(question)["work"] == "compare"
        begin = time.perf_counter()
        sums = compared(candidate, baseline, Path(text)) if compares else scored(candidate, Path(text))
        answers.send(
            seconds=time.perf_counter() - begin,
            tokens=int(sums[0].tokens),
            perplexities=[of_model.perplexity for of_model in sums],
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
