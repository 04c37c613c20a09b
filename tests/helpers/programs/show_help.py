"""`tfx-lm --help`; prints all that was imported for it to the error output."""

import contextlib
import sys

from tfx_lm.cli.cli import main

sys.argv = ["tfx-lm", "--help"]
with contextlib.suppress(SystemExit):
    main()
print(*sys.modules, file=sys.stderr)
