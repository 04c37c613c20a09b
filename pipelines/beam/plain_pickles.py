"""Pickles of Beam that are not compressed.

Beam pickles each function of a pipeline several times, and compresses each pickle by bzip2, which is made for blocks of
900 kB: a tenth of the processor time of StatisticsGen on little data. It gains nothing if the same process reads them.
"""

from __future__ import annotations

import bz2
from collections.abc import Sequence

from apache_beam.internal import cloudpickle_pickler, dill_pickler

_RUNNER = "FnApiRunner"
# How Beam's runner uses other processes or containers. The names may be abbreviated.
_ELSEWHERE = ("--direct", "--env")
# Above it, memory counts.
_MOST_BYTES = 1 << 20
_BZIP2 = b"BZh"


def stays_in_process(beam_arguments: Sequence[str]) -> bool:
    """Returns whether only this process reads the pickles of a pipeline with these arguments."""
    runners = [argument for argument in beam_arguments if argument.startswith("--runner=")]
    return (
        bool(runners)
        and runners[-1].endswith(f".{_RUNNER}")
        and not any(argument.startswith(_ELSEWHERE) for argument in beam_arguments)
    )


def leave_pickles_plain() -> None:
    """Makes Beam leave pickles up to 1 MiB as they are, in this process; it reads compressed ones as before."""
    for pickler in (dill_pickler, cloudpickle_pickler):
        pickler.bz2 = _Plain  # type: ignore[attr-defined]


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
