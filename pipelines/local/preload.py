"""Import of all modules that nodes need, for the fork server."""

from ..uncollected import import_uncollected
from .processes import PRELOADED

import_uncollected(*PRELOADED)
