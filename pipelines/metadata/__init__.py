"""ML Metadata: its connection, and what runs leave in it."""
