"""TensorFlow Serving's protocols, REST and gRPC, over exported models, for machines without Docker."""
