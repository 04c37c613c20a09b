"""MaskedTuner: a search for better options of the trainer."""
