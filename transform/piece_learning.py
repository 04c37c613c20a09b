"""Learning of pieces from the counted words of a corpus, by byte-pair encoding (sentencepiece)."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import sentencepiece

from .pieces import FIXED_PIECES, LONGEST
from .tokenizer import LITERAL_MARK, MARK
from .vocabulary import RESERVED

# Characters; sentencepiece takes no line of more than 4,192 bytes.
_LONGEST_WORD = 1000


def learn_pieces(words: Sequence[bytes], counts: Sequence[int], size: int) -> list[bytes]:
    """Learns the pieces that spell words in few of them.

    The same words in the same order make the same pieces, on any machine.

    Args:
        words: Words from `tokenizer.tokenize_marked`, each once.
        counts: How often each occurs.
        size: Number of pieces, at least as many as `FIXED_PIECES`.

    Returns:
        At most `size` pieces: `FIXED_PIECES`, then the learned ones, the most frequent first.
    """
    wanted = size - len(FIXED_PIECES)
    counted = [(word.decode("utf-8", "replace"), count) for word, count in zip(words, counts, strict=True)]
    lines = _within(_frequent_characters(counted, wanted // 2), counted)
    if not lines or wanted < 2:
        return list(FIXED_PIECES)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        input_format="tsv",
        model_writer=model,
        model_type="bpe",
        # Beside ours, `<unk>` and the mark.
        vocab_size=wanted + 2,
        hard_vocab_limit=False,
        max_sentencepiece_length=LONGEST,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    learned = [processor.id_to_piece(number) for number in range(1, processor.get_piece_size())]
    fixed = {*RESERVED, *(piece.decode() for piece in FIXED_PIECES)}
    kept = [piece for piece in learned if piece not in fixed and MARK not in piece[1:]][:wanted]
    return [*FIXED_PIECES, *(piece.encode() for piece in _by_frequency(kept, counted))]


def _frequent_characters(words: Iterable[tuple[str, int]], most: int) -> set[str]:
    """Returns the characters that may be pieces; the others are spelled in bytes."""
    characters: Counter[str] = Counter()
    for word, count in words:
        for character in word:
            characters[character] += count
    del characters[LITERAL_MARK]
    return set(sorted(characters, key=lambda character: (-characters[character], character))[:most])


def _within(characters: set[str], words: Iterable[tuple[str, int]]) -> list[str]:
    """Returns the parts of words that have only some characters, with their counts, as sentencepiece takes them."""
    if not characters:
        return []
    others = re.compile(f"[^{re.escape(''.join(sorted(characters)))}]+")
    parts = ((part, count) for word, count in words for part in others.split(word))
    return [f"{part}\t{count}" for part, count in parts if 0 < len(part) <= _LONGEST_WORD]


def _by_frequency(pieces: Sequence[str], words: Iterable[tuple[str, int]]) -> list[str]:
    """Sorts pieces by how often words hold them if split as `pieces.piece_ids` does, equal ones by their characters."""
    known = set(pieces)
    counts: Counter[str] = Counter()
    for word, count in words:
        begin = 0
        while begin < len(word):
            width = LONGEST
            while width > 1 and word[begin : begin + width] not in known:
                width -= 1
            counts[word[begin : begin + width]] += count
            begin += width
    return sorted(pieces, key=lambda piece: (-counts[piece], piece))
