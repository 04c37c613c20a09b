"""Text files: their types, unpacking and records. Needs no TFX, Beam or TensorFlow."""
