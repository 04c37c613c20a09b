"""Bulk scoring: a corpus of any size on any Beam runner, each record with its scores."""
