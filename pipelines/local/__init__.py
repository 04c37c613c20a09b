"""The local runner: one process for each node, several nodes at once."""
