"""A model server for machines without Docker: TensorFlow Serving's REST protocol, and a page to try the model."""
