"""Peer: PyTorch's example `word_language_model` with tied weights, written afresh; it needs nothing of this package.

The recipe (https://github.com/pytorch/examples, `word_language_model --tied`): the text is one long row of words with
an end after each line, cut into 20 columns; steps of 35 words for all columns, whose state goes on with the next step;
gradients clipped at 0.25, plain gradient descent with a learning rate of 20, a quarter of it after each epoch whose
validation perplexity is not the best. Uniform weights of at most 0.1, dropout of 0.2.

Other than there: `cross_entropy` on the logits in place of a logarithm of all probabilities, which is faster; no blank
lines; only words of the training text, others are `<unk>`. As there, up to 19 words of a validation are not scored: the
first of each column, and what is left over.
"""

import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from shared.answers import Answers
from torch import nn
from torch.nn import functional

UNKNOWN, END = "<unk>", "</s>"
COLUMNS, VALIDATION_COLUMNS, STEPS = 20, 10, 35
LEARNING_RATE, CLIP_NORM, DROPOUT = 20.0, 0.25, 0.2
State = tuple[torch.Tensor, torch.Tensor]


def words_of(path: str) -> list[str]:
    """Returns the words of a file, with an end after each line."""
    with Path(path).open(encoding="utf-8") as file:
        return [word for line in file if line.strip() for word in [*line.split(), END]]


def columns_of(ids: list[int], columns: int) -> torch.Tensor:
    """Returns `[steps, columns]` ids; each column is a part of the text, and what is left over is cut off."""
    steps = len(ids) // columns
    return torch.tensor(ids[: steps * columns]).view(columns, steps).t().contiguous()


def steps_of(text: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields the inputs and targets of each step, `[≤ 35, columns]`."""
    for begin in range(0, len(text) - 1, STEPS):
        end = min(begin + STEPS, len(text) - 1)
        yield text[begin:end], text[begin + 1 : end + 1]


class Model(nn.Module):
    """Embedding, LSTM layers, and a projection with the embedding's weights."""

    def __init__(self, vocabulary: int, units: int, layers: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, units)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.recurrent = nn.LSTM(units, units, layers, dropout=DROPOUT)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, inputs: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        """Returns the logits `[steps, columns, vocabulary]` and the state after the last step."""
        states, state = self.recurrent(self.drop(self.embedding(inputs)), state)
        return functional.linear(self.drop(states), self.embedding.weight, self.bias), state


def nats(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Returns nats per token."""
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def train_epoch(model: Model, text: torch.Tensor, learning_rate: float) -> None:
    """Trains on the whole text once."""
    model.train()
    state = None
    for inputs, targets in steps_of(text):
        state = state and (state[0].detach(), state[1].detach())
        model.zero_grad(set_to_none=True)
        logits, state = model(inputs, state)
        nats(logits, targets).backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(parameter.grad, alpha=-learning_rate)


@torch.no_grad()
def perplexity_of(model: Model, text: torch.Tensor) -> float:
    """Returns the perplexity of a text, whose state goes on from step to step."""
    model.eval()
    state, total, tokens = None, 0.0, 0
    for inputs, targets in steps_of(text):
        logits, state = model(inputs, state)
        total += float(nats(logits, targets)) * targets.numel()
        tokens += targets.numel()
    return math.exp(total / tokens)


def main() -> None:
    """Trains until a validation perplexity is reached: `train valid perplexity units layers epochs seed`.

    Answers with the tokens of the validation text, and, once it is asked, with the course of the training.
    """
    train_file, validation_file = sys.argv[1:3]
    goal, units, layers, epochs, seed = float(sys.argv[3]), *map(int, sys.argv[4:])
    answers = Answers()
    torch.manual_seed(seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    words = words_of(train_file)
    number_of = {word: number for number, word in enumerate(dict.fromkeys([UNKNOWN, *words]))}
    train = columns_of([number_of[word] for word in words], COLUMNS)
    held_out = [number_of.get(word, number_of[UNKNOWN]) for word in words_of(validation_file)]
    validation = columns_of(held_out, VALIDATION_COLUMNS)
    answers.send(validation_tokens=len(held_out))
    # Waits until our training is over.
    if not sys.stdin.readline():
        return
    model = Model(len(number_of), units, layers)
    learning_rate, best = LEARNING_RATE, math.inf
    course: list[dict[str, float]] = []
    while len(course) < epochs and best > goal:
        started = time.perf_counter()
        train_epoch(model, train, learning_rate)
        seconds = time.perf_counter() - started
        perplexity = perplexity_of(model, validation)
        course.append({"seconds": seconds, "perplexity": perplexity})
        if perplexity >= best:
            learning_rate /= 4
        best = min(best, perplexity)
    answers.send(course=course, train_tokens=len(words))


if __name__ == "__main__":
    main()
