"""ML Metadata: its connection, and its records of runs."""
