"""Peer: the same models in PyTorch, as a careful user writes it. It needs nothing of this package."""

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from shared.answers import Answers
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_sequence

# Embedding, output bias and LSTM layers.
Model = tuple[torch.Tensor, torch.Tensor, nn.LSTM]

UNKNOWN, START, END = 1, 2, 3
# Lines that are sorted by length together, and positions of a batch.
WINDOW, POSITIONS = 1000, 2048


def build(weights: str) -> Model:
    """Returns a model; both libraries have their gates in the same order."""
    arrays = {name: torch.from_numpy(value) for name, value in np.load(weights).items()}
    layers = sum(name.endswith("_recurrent_kernel") for name in arrays)
    units = arrays["lstm_0_recurrent_kernel"].shape[0]
    recurrent = nn.LSTM(arrays["embedding"].shape[1], units, num_layers=layers)
    with torch.no_grad():
        for layer in range(layers):
            getattr(recurrent, f"weight_ih_l{layer}").copy_(arrays[f"lstm_{layer}_kernel"].T)
            getattr(recurrent, f"weight_hh_l{layer}").copy_(arrays[f"lstm_{layer}_recurrent_kernel"].T)
            getattr(recurrent, f"bias_ih_l{layer}").copy_(arrays[f"lstm_{layer}_bias"])
            getattr(recurrent, f"bias_hh_l{layer}").zero_()
    return arrays["embedding"], arrays["output_bias"], recurrent.eval()


def batches(window: list[list[int]]) -> Iterator[list[int]]:
    """Yields the numbers of the sentences of each batch, the longest first."""
    order = sorted(range(len(window)), key=lambda index: -len(window[index]))
    while order:
        rows = max(1, POSITIONS // len(window[order[0]]))
        yield order[:rows]
        order = order[rows:]


@torch.no_grad()
def score(window: list[list[int]], embedding: torch.Tensor, bias: torch.Tensor, recurrent: nn.LSTM) -> list[float]:
    """Returns the nats of each sentence."""
    nats = [0.0] * len(window)
    for chosen in batches(window):
        targets = [torch.tensor(window[index]) for index in chosen]
        inputs = pack_sequence([torch.cat([torch.tensor([START]), target[:-1]]) for target in targets])
        states, _ = recurrent(inputs._replace(data=functional.embedding(inputs.data, embedding)))
        packed = pack_sequence(targets)
        each = functional.cross_entropy(functional.linear(states.data, embedding, bias), packed.data, reduction="none")
        rows = torch.cat([torch.arange(int(size)) for size in packed.batch_sizes])
        sums = torch.zeros(len(chosen), dtype=torch.float64).index_add_(0, rows, each.double())
        for index, value in zip(chosen, sums.tolist(), strict=True):
            nats[index] = value
    return nats


def scored(windows: Iterator[list[list[int]]], model: Model, printed: TextIO) -> tuple[list[float], int]:
    """Prints a line of JSON for each sentence; returns the nats of all, by model, and the tokens."""
    total, tokens, number = 0.0, 0, 0
    for window in windows:
        for nats, line in zip(score(window, *model), window, strict=True):
            number += 1
            total += nats
            tokens += len(line)
            perplexity = math.exp(nats / len(line))
            values = {"line": number, "log_probability": -nats, "tokens": len(line), "perplexity": perplexity}
            printed.write(json.dumps(values) + "\n")
    return [total], tokens


def compared(
    windows: Iterator[list[list[int]]], candidate: Model, baseline: Model, printed: TextIO
) -> tuple[list[float], int]:
    """Prints the difference of two models in nats a token, with its 95 % interval; returns what `scored` returns."""
    nats, lengths = [], []
    for window in windows:
        nats += list(zip(score(window, *candidate), score(window, *baseline), strict=True))
        lengths += [len(line) for line in window]
    pairs, tokens = np.array(nats), np.array(lengths)
    differences = pairs[:, 0] - pairs[:, 1]
    mean = differences.sum() / tokens.sum()
    error = math.sqrt(np.square(differences - mean * tokens).sum()) / tokens.sum()
    printed.write(json.dumps({"difference": mean, "ci95": [mean - 1.96 * error, mean + 1.96 * error]}) + "\n")
    return pairs.sum(axis=0).tolist(), int(tokens.sum())


def main(weights: str, vocabulary: str, text: str) -> None:
    """Reads the file once for each question, whose `work` is `score` or `compare`."""
    answers = Answers()
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    candidate, baseline = build(weights), build(weights)
    with Path(vocabulary).open(encoding="utf-8") as words:
        ids = {word.rstrip("\n"): number for number, word in enumerate(words)}
    # The names of the reserved ids are unknown words in a text.
    ids = {word: number if number > END else UNKNOWN for word, number in ids.items()}
    for question in sys.stdin:
        compares = json.loads(question)["work"] == "compare"
        begin = time.perf_counter()
        with Path(text).open(encoding="utf-8") as lines, Path(os.devnull).open("w") as printed:
            read = [[*(ids.get(word, UNKNOWN) for word in line.split()), END] for line in lines]
            windows = (read[first : first + WINDOW] for first in range(0, len(read), WINDOW))
            total, tokens = (
                compared(windows, candidate, baseline, printed) if compares else scored(windows, candidate, printed)
            )
        answers.send(
            seconds=time.perf_counter() - begin,
            tokens=tokens,
            perplexities=[math.exp(of_model / tokens) for of_model in total],
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
