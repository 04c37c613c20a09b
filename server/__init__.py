"""TensorFlow Serving's REST protocol over exported models, for machines without Docker."""
