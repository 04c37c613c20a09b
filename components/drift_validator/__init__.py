"""DriftValidator: whether the text has moved away from that of the served model."""
