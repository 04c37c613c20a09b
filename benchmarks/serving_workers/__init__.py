"""Peers of the serving benchmark, each a process."""

# How many words `next_word` is asked for.
CANDIDATES = 10
