"""What saves processor time in tests, and changes no result."""

from tfx_lm.pipelines.beam.signatures import remember_signatures

# As in the processes of nodes: the Beam pipelines of tests are small, and most of their time is that of building them.
remember_signatures()
