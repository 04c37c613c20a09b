"""Exit codes of `tfx-lm`; 0 is a run that finished, whether or not its model was blessed."""

from __future__ import annotations

NODE_FAILED = 1
NOT_READY = 1
BAD_INPUT = 2
NOT_PUSHED = 3
NODE_SKIPPED = 99
