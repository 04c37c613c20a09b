"""Sample of a text: the sentences that every contestant trains on."""

import itertools
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
from tfx_lm.components.trainer.buckets import choose_buckets
from tfx_lm.transform import vocabulary

# Longer sentences are cut for all contestants; the Keras contestant pads to this length.
MOST_TOKENS = 64


def target_ids(lines: list[list[str]], size: int, seed: int = 1) -> list[list[int]]:
    """Returns the targets of each line, with a vocabulary of exactly `size` ids.

    The reserved tokens come first, then the words, the most frequent first. A text whose rare words were
    replaced by `<unk>` may have fewer words than the vocabulary has ids. The remaining ids are then given
    to its unknown words: each occurrence gets one of them, drawn by Zipf's law (probability ~ 1 / id), like the
    words that were replaced. So rare words are as frequent as in the original text, which matters if their cost
    depends on it (an adaptive softmax).

    Args:
        lines: The words of each line.
        size: The number of ids.
        seed: Seed of the random ids.

    Returns:
        Ids of the words of each line and of its end, cut to `MOST_TOKENS`. Example: "a b a" and "a <unk>" with 7
        ids are 4, 5, 4, 3 and 4, 6, 3; with 6 ids 4, 5, 4, 3 and 4, 1, 3.
    """
    counts = Counter(word for words in lines for word in words if word not in vocabulary.RESERVED)
    first = len(vocabulary.RESERVED)
    known = [word for word, _ in counts.most_common(size - first)]
    ids = {word: number for number, word in enumerate(known, start=first)}
    rare = range(first + len(known), size)
    unknown = sum(word not in ids for words in lines for word in words)
    weights = list(itertools.accumulate(1 / number for number in rare))
    drawn = iter(random.Random(seed).choices(rare, cum_weights=weights, k=unknown) if rare else ())
    targets = [[ids.get(word) or next(drawn, vocabulary.UNKNOWN_ID) for word in words] for words in lines]
    return [[*line, vocabulary.END_ID][:MOST_TOKENS] for line in targets]


def choose(targets: list[list[int]], batch_tokens: int, batches: int, seed: int = 1) -> dict[str, object]:
    """Chooses full batches that represent the whole text.

    The text is divided into batches of our length buckets. They are sorted by length, and every n-th is chosen,
    so that each length has about its share in the text.

    Args:
        targets: The targets of each line.
        batch_tokens: Positions of a batch.
        batches: Number of batches to choose.
        seed: Seed of the order of the lines.

    Returns:
        JSON values: `batches` (lists of lists of ids), `boundaries` and `sizes` (of the buckets), `start_id`,
        `tokens`, `mean_length` (tokens per sentence) and `corpus_mean_length`.

    Raises:
        ValueError: If the text does not fill so many batches.
    """
    lengths = np.array([len(line) for line in targets])
    buckets = choose_buckets(np.bincount(lengths), batch_tokens)
    order = random.Random(seed).sample(range(len(targets)), len(targets))
    full: list[list[list[int]]] = []
    for bucket, size in enumerate(buckets.batch_sizes):
        longest = buckets.boundaries[bucket]
        shortest = buckets.boundaries[bucket - 1] + 1 if bucket else 1
        held = [targets[line] for line in order if shortest <= lengths[line] <= longest]
        full += [held[begin : begin + size] for begin in range(0, len(held) - size + 1, size)]
    if len(full) < batches:
        raise ValueError(f"the text fills {len(full)} batches of {batch_tokens} tokens: must be >= {batches}")
    taken = [full[(2 * index + 1) * len(full) // (2 * batches)] for index in range(batches)]
    sentences = [line for batch in taken for line in batch]
    tokens = sum(map(len, sentences))
    return {
        "batches": taken,
        "boundaries": buckets.boundaries,
        "sizes": buckets.batch_sizes,
        "start_id": vocabulary.START_ID,
        "tokens": tokens,
        "mean_length": tokens / len(sentences),
        "corpus_mean_length": float(lengths.mean()),
    }


def write(lines: list[list[str]], vocabulary_size: int, batch_tokens: int, batches: int, path: Path) -> dict:
    """Writes the sample for one vocabulary, and returns it."""
    sample = choose(target_ids(lines, vocabulary_size), batch_tokens, batches)
    path.write_text(json.dumps(sample))
    return sample
