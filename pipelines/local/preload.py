"""Import of all modules that nodes need, for the fork server."""

import sys

# Python's fork server looks into the user's working folder first, where a `statistics.py` may lie.
sys.path[:] = [folder for folder in sys.path if folder]

from ..uncollected import import_uncollected  # noqa: E402
from .processes import PRELOADED  # noqa: E402

import_uncollected(*PRELOADED)
