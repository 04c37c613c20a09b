"""Digest of the content of all input files, which tells other text from files that were written again."""

from __future__ import annotations

import gzip
import hashlib
import logging
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib

from ...remote import is_remote
from ...text_files.file_types import file_type
from ...text_files.options import RecordOptions

_log = logging.getLogger(__name__)

# Custom property of the Examples: 16 hexadecimal digits. TFX's `input_fingerprint`, which is part of the cache's key,
# has the sizes and the times of the files.
CONTENT_DIGEST = "content_digest"
# Another one: the field that was read; see `other_field`.
TEXT_FIELD = "text_field"

_BLOCK = 1 << 20
_MOST_AT_ONCE = 8


def stamps(files: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Returns size and time of each file, which change if it is written; nothing for other file systems.

    Args:
        files: As for `content_digest`.
    """
    states = [Path(path).stat() for _, path in files if not is_remote(path)]
    return [(state.st_size, state.st_mtime_ns) for state in states]


def content_digest(files: Sequence[tuple[str, str]]) -> str | None:
    """Returns a digest of what the files of each split hold, whatever their names, times and order are.

    It reads every byte a second time: one to three seconds for each gigabyte and core, where the node itself takes half
    a minute. Of a gzip file, whose header has a time, it is the digest of what is packed (a few seconds for each
    gigabyte of that). On an object store it would cost as much as the node's own reading, so that there is none.

    Args:
        files: Split and path of each file, as in `files.Found`.

    Returns:
        16 hexadecimal digits; None if a file is on another file system, or cannot be read.
    """
    if any(is_remote(path) for _, path in files):
        return None
    try:
        with ThreadPoolExecutor(min(_MOST_AT_ONCE, joblib.cpu_count())) as threads:
            digests = list(threads.map(_digest_of_file, (path for _, path in files)))
    except (OSError, EOFError, zlib.error) as error:
        _log.warning("no digest of the input's content, so files with new times will count as other text: %s", error)
        return None
    lines = sorted(f"{split}\t{digest}" for (split, _), digest in zip(files, digests, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def other_field(files: Sequence[tuple[str, str]], text_field: str) -> str:
    """Returns the field or column that is read, by which the same files are another input; see `input_name`.

    No other setting reads other text of the same files: `invalid_utf8` and `invalid_records` decide whether there is an
    input at all; `documents`, `context_tokens` and `eval_percent` keep the lines, and `normalization` the text.

    Args:
        files: As for `content_digest`.
        text_field: The setting.

    Returns:
        The field; empty if it is the default, or if no file has fields.
    """
    is_default = text_field == RecordOptions.model_fields["text_field"].default
    return "" if is_default or not any(file_type(path).has_fields for _, path in files) else text_field


def input_name(digest: str, field: str) -> str:
    """Returns what tells an input from others.

    Args:
        digest: Of the files: their `content_digest`, or TFX's fingerprint.
        field: From `other_field`. Without one, the name is the digest, as models of earlier versions have it.
    """
    return f"{digest}\t{field}" if field else digest


def _digest_of_file(path: str) -> str:
    digest = hashlib.sha256()
    with gzip.open(path) if path.lower().endswith(".gz") else Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
