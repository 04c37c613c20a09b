"""Serving check: whether a fresh process, with TensorFlow alone, serves the model as the Evaluator scored it."""
