"""A corpus of any size whose vocabulary grows as that of real text: real sentences, mixed, with rare words replaced.

A sentence is the beginning of one real sentence and the end of another. Its rare words are replaced: by a new word as
long as Heaps' law (distinct words = K · words^B, fitted to the real text) asks for more, else by one of the
replacements so far, each as often as it occurred (Simon's process, which gives the tail of Zipf's law). So frequent
words keep their frequencies, and the tail goes on growing where the real text ends.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

# Words that occur so often in the real text, or less, are replaced.
RARE = 10
SYLLABLES = ("ba", "cor", "den", "el", "fi", "gra", "hu", "in", "jo", "ka", "lon", "mer", "nu", "or", "pel", "qui")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


class Heaps(NamedTuple):
    """Heaps' law: `factor` · words^`exponent` distinct words."""

    factor: float
    exponent: float

    def distinct(self, words: int) -> float:
        """Returns the number of distinct words among so many."""
        return self.factor * words**self.exponent

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]]) -> Heaps:
        """Fits the law to a text in its order: to its first eighth and to the whole."""
        seen: set[str] = set()
        words, early = 0, (0, 0)
        eighth = sum(map(len, sentences)) // 8
        for sentence in sentences:
            words += len(sentence)
            seen.update(sentence)
            if not early[0] and words >= eighth:
                early = words, len(seen)
        if early[0] in (0, words):
            return cls(float(len(seen)), 0.0)
        exponent = math.log(len(seen) / early[1]) / math.log(words / early[0])
        return cls(len(seen) / words**exponent, exponent)


def read_sentences(files: Sequence[Path]) -> list[list[str]]:
    """Reads words and punctuation marks of all sentences; a line of a file is a paragraph."""
    sentences: list[list[str]] = []
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            pieces = _SENTENCE_END.split(line)
            sentences.extend(words for piece in pieces if (words := _WORD.findall(piece)))
    return sentences


def mixed(sentences: Sequence[Sequence[str]], seed: int = 1) -> Iterator[list[str]]:
    """Yields sentences without end; a longer corpus begins with the shorter one.

    Args:
        sentences: The words of real sentences, in the order of the text.
        seed: Seed of the choices.
    """
    chance = random.Random(seed)
    law = Heaps.of(sentences)
    counts = Counter(word for sentence in sentences for word in sentence)
    rare = {word for word, count in counts.items() if count <= RARE}
    seen: set[str] = set()
    replaced: list[str] = []
    words = 0
    while True:
        first, second = chance.choice(sentences), chance.choice(sentences)
        sentence = [*first[: (len(first) + 1) // 2], *second[(len(second) + 1) // 2 :]]
        for place, word in enumerate(sentence):
            words += 1
            if word in rare:
                if len(seen) < law.distinct(words) or not replaced:
                    # The real word first: a new one only where the real text has none left.
                    new = word if word not in seen else _coined(len(replaced), word)
                else:
                    new = chance.choice(replaced)
                replaced.append(new)
                sentence[place] = word = new
            seen.add(word)
        yield sentence


def _coined(number: int, word: str) -> str:
    """Returns a word that no text has: the beginning of a real one and syllables that spell a number."""
    syllables = ""
    while number:
        number, rest = divmod(number, len(SYLLABLES))
        syllables += SYLLABLES[rest]
    return word[:3] + syllables


class Size(NamedTuple):
    """The size of a corpus.

    Attributes:
        lines: Number of sentences.
        words: Number of words, separated by spaces.
        distinct: Number of distinct words.
        megabytes: Size of the file.
    """

    lines: int
    words: int
    distinct: int
    megabytes: float


def write_corpora(sentences: Sequence[Sequence[str]], files: dict[int, Path]) -> dict[int, Size]:
    """Writes one corpus for each number of words, the smaller ones beginnings of the larger.

    Args:
        sentences: From `read_sentences`.
        files: The file to write for each number of words.

    Returns:
        The size of each.
    """
    sizes: dict[int, Size] = {}
    wanted = sorted(files)
    seen: set[str] = set()
    lines = words = written = 0
    source = mixed(sentences)
    for amount in wanted:
        with files[amount].open("w", encoding="utf-8") as file:
            # All files but the first begin with the one before.
            for path in [files[smaller] for smaller in wanted if smaller < amount][-1:]:
                file.write(path.read_text(encoding="utf-8"))
            while words < amount:
                sentence = next(source)
                text = " ".join(sentence) + "\n"
                file.write(text)
                seen.update(sentence)
                lines, words, written = lines + 1, words + len(sentence), written + len(text.encode())
        sizes[amount] = Size(lines, words, len(seen), written / 1e6)
    return sizes
