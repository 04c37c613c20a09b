"""Pusher: pushes a blessed model as a whole or not at all."""
