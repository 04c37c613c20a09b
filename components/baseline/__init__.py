"""Baseline: the model that is being served, for the Evaluator to compare with."""
