"""Report: the results of a run as one HTML page."""
