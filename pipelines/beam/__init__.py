"""Beam: where its stages run, the arguments of its runners, and the workers of a cluster."""
