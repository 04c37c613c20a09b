"""Text to ids: tokenisers, vocabulary, padding, and the function that TFX's Transform runs."""
