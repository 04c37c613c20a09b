"""What saves processor time in tests, and changes no result."""

import contextlib

from tfx_lm.pipelines.beam.option_views import remember_option_views
from tfx_lm.pipelines.beam.plain_pickles import plain_pickles
from tfx_lm.pipelines.beam.signatures import remember_signatures

# As in the processes of nodes: the Beam pipelines of tests are small, and most of their time is that of building them.
remember_signatures()
remember_option_views()
# But for tests/clusters, see its conftest.py.
_STAYS = contextlib.ExitStack()
_STAYS.enter_context(plain_pickles())
