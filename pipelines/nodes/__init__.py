"""The compiled pipeline, and the run of one of its nodes."""
