"""A Transform graph's own options, told from what it makes of a few texts.

TFX records the options of a Transform nowhere that a Trainer sees. The exported model takes its ids and its vocabulary
from the graph, and tokenizer, lower case, `max_length` and `context_tokens` from the options. So options that differ
would give it words that are not those it was trained on, or name another context than the one it reads. The options of
the vocabulary are not compared: only Transform uses them, and a pinned file may have changed since it ran.
"""

from __future__ import annotations

import itertools
from typing import Any, get_args

import tensorflow as tf

from ...errors import SettingError
from ...model.transform_graph import TransformGraph
from ...transform.options import AUTO, TextOptions, TokenizerKind
from ...transform.token_ids import token_ids
from ...transform.vocabulary import END_ID, RESERVED, lookup_table, read_vocabulary

# Words of the vocabulary that are tried.
_WORDS = 1000
# Words of the longest line and of the context that are tried. A larger limit is compared only as far as they show it.
_LONGEST = 2**14


def check_same_transform(graph: TransformGraph, options: TextOptions) -> None:
    """Checks that a Transform graph was made with some options, as far as a few texts show.

    Args:
        graph: What Transform made.
        options: What the Trainer was told.

    Raises:
        SettingError: An option is not the graph's own.
    """
    texts = tf.constant(_texts(graph.vocabulary_path))
    found = graph.ids(texts)
    table = lookup_table(graph.vocabulary_path)
    told = (options.tokenizer, options.lowercase)
    if not _same(found, texts, table, *told, graph.subwords):
        fitting = [
            f"{{tokenizer}}={kind}, {{lowercase}}={lowercase}"
            for kind, lowercase in itertools.product(get_args(TokenizerKind), (True, False))
            if _same(found, texts, table, kind, lowercase, graph.subwords)
        ]
        used = f"Transform used {' or '.join(fitting)}" if fitting else "Transform split the lines otherwise"
        raise _mismatch(f"{{tokenizer}}={told[0]}, {{lowercase}}={told[1]}", used)
    _check_length(graph, options)
    _check_context(graph, options.context_tokens)


def _mismatch(told: str, used: str) -> SettingError:
    return SettingError(f"{told}: {used}; give the Trainer the options of its Transform")


def _texts(vocabulary_path: str) -> list[bytes]:
    """Returns texts that each tokenizer reads otherwise, with and without lower case."""
    words = (word.decode("utf-8", "replace") for word in read_vocabulary(vocabulary_path)[len(RESERVED) :])
    letters = list(itertools.islice((word for word in words if word.isalpha()), _WORDS))
    texts = [
        "A",
        "z",
        "Z,a b",
        "a\u00a0b",
        *letters,
        *map(str.upper, letters),
        *(f"{word},{word}" for word in letters[:10]),
    ]
    return [text.encode("utf-8") for text in texts]


def _same(
    found: tf.RaggedTensor, texts: tf.Tensor, table: Any, kind: TokenizerKind, lowercase: bool, subwords: bool
) -> bool:
    """Returns whether ids are those of some options, as far as lines were not cut."""
    if subwords and kind == "byte":
        return False
    ids = token_ids(texts, kind, lowercase, table.lookup, subwords)
    expected = tf.concat([ids, tf.fill([ids.nrows(), 1], tf.constant(END_ID, tf.int64))], axis=1).to_list()
    rows = found.to_list()
    longest = max(map(len, rows))
    return all(row == full[:longest] for row, full in zip(rows, expected, strict=True))


def _check_length(graph: TransformGraph, options: TextOptions) -> None:
    limit = options.auto_limit if options.max_length == AUTO else options.max_length
    if limit is None:
        return
    words = min(limit + 1, _LONGEST)
    length = len(graph.ids(tf.constant([b"a " * words])).to_list()[0])
    # An uncut line has one more token, its end.
    if length > limit or (length < min(limit, words + 1) and options.max_length != AUTO):
        told = "{auto_limit}" if options.max_length == AUTO else "{max_length}"
        used = f"at most {length}" if length < limit else f"more than {limit}"
        raise _mismatch(f"{told}={limit}", f"the lines of Transform have {used} tokens")


def _check_context(graph: TransformGraph, told: int) -> None:
    used = 0
    if graph.has_context:
        _, context = graph.ids_and_context(tf.constant([""]), tf.constant([b"a " * _LONGEST]))
        used = len(context.to_list()[0])
    # The context that is tried has `<s>` and at least one token for each word, with bytes and subwords maybe more. So
    # one of no more tokens than words was cut to as many as Transform was told.
    cut = used <= _LONGEST
    if told < used or (cut and told > used):
        number = f"{{context_tokens}}={used}" if cut else f"more than {told} tokens"
        raise _mismatch(f"{{context_tokens}}={told}", f"Transform used {number}")
