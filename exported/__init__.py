"""Exported models: load, score, compare and complete. Needs TensorFlow, NumPy and SciPy only."""
