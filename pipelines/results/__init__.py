"""Results of a run: its summary, and the tables on the terminal."""
