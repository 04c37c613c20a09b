"""Pickles of Beam that are not compressed, and leave the log of dill alone.

Beam pickles each function of a pipeline several times, and compresses each pickle by bzip2, which is made for blocks of
900 kB: a tenth of the processor time of StatisticsGen on little data. It gains nothing if the same process reads them.
After each pickle that dill makes or reads, Beam sets the level of dill's log, for which Python empties the caches of
all loggers: 0.3 ms beside TFX, 1,700 times for an Evaluator.
"""

from __future__ import annotations

import bz2
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from apache_beam.internal import cloudpickle_pickler

_PICKLERS: list[Any] = [cloudpickle_pickler]
with contextlib.suppress(ImportError):  # Newer releases of Beam do without dill.
    from apache_beam.internal import dill_pickler

    _PICKLERS.append(dill_pickler)
_DILL_LOG = logging.getLogger("dill")

# Above it, memory counts.
_MOST_BYTES = 1 << 20
_BZIP2 = b"BZh"


@contextlib.contextmanager
def plain_pickles() -> Iterator[None]:
    """Has Beam leave pickles up to 1 MiB as they are while the block runs; it reads compressed ones as before.

    Only for pipelines that this process alone runs (`components.in_process`): workers elsewhere cannot read them.
    """
    before = [(pickler, pickler.bz2) for pickler in _PICKLERS]
    for pickler in _PICKLERS:
        pickler.bz2 = _Plain
    set_level = _DILL_LOG.setLevel
    _DILL_LOG.setLevel = _set_other_level  # type: ignore[method-assign]
    try:
        yield
    finally:
        _DILL_LOG.setLevel = set_level  # type: ignore[method-assign]
        for pickler, compression in before:
            pickler.bz2 = compression


def _set_other_level(level: int | str) -> None:
    """Sets the level of dill's log, unless it has this one."""
    if level != _DILL_LOG.level:
        logging.Logger.setLevel(_DILL_LOG, level)


class _Plain:
    """The two functions of the module `bz2` that Beam calls."""

    @staticmethod
    def compress(data: bytes, compresslevel: int = 9) -> bytes:
        # A pickle begins with another byte, b"\x80", since protocol 2.
        if len(data) > _MOST_BYTES or data.startswith(_BZIP2):
            return bz2.compress(data, compresslevel)
        return data

    @staticmethod
    def decompress(data: bytes) -> bytes:
        return bz2.decompress(data) if data.startswith(_BZIP2) else data
