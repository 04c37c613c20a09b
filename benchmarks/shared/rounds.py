"""Rounds of a benchmark: the peers take turns, so that other work on the machine slows down all of them equally."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from rich.console import Console

Key = TypeVar("Key")
Answer = TypeVar("Answer")


def warm_up(peers: Mapping[Key, Callable[[], Answer]], console: Console) -> dict[Key, Answer]:
    """Runs each peer once; the answers do not count as speeds.

    Args:
        peers: The work of each peer in a round.
        console: The console for progress.

    Returns:
        The answer of each peer.
    """
    console.print("warm-up")
    return {key: work() for key, work in peers.items()}


def take_turns(peers: Mapping[Key, Callable[[], Answer]], rounds: int, console: Console) -> dict[Key, list[Answer]]:
    """Runs each peer once per round.

    Args:
        peers: The work of each peer in a round.
        rounds: Number of rounds.
        console: The console for progress.

    Returns:
        The answers of each peer, one for each round.
    """
    answers: dict[Key, list[Answer]] = {key: [] for key in peers}
    for number in range(1, rounds + 1):
        for key, work in peers.items():
            answers[key].append(work())
        console.print(f"round {number} of {rounds}")
    return answers
