"""Pushes a blessed model as a whole or not at all."""
