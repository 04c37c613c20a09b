"""Peers of the serving benchmark, each a process."""

# Number of words that `next_word` returns.
CANDIDATES = 10
