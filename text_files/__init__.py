"""Files of text: which are read, how they are unpacked, what one record is. Needs no TFX, Beam or TensorFlow."""
