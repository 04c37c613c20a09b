"""What a run found: its summary, and the tables on the terminal."""
