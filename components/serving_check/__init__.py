"""Serving check: a fresh process with TensorFlow alone must serve the model as the Evaluator scored it."""
