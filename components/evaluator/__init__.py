"""Evaluator: scores the exported model on raw sentences and decides whether it may be pushed."""
