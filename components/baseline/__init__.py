"""Baseline: the served model, for the Evaluator to compare with."""
