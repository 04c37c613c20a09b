"""What is done with a pushed model: scoring text and completing it. TensorFlow is all that it needs."""
