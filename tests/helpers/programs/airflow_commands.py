"""Runs commands of Airflow's command line in one process, since its start takes seconds; in Airflow's environment.

Reads a line of JSON for each command, its arguments; answers with a line of JSON, its exit code and what it printed.
"""

import contextlib
import io
import json
import os
import sys
import traceback

from airflow.cli import cli_parser


def run(arguments: list[str]) -> tuple[int, str]:
    code = 0
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            parsed = cli_parser.get_parser().parse_args(arguments)
            parsed.func(parsed)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except Exception:
            code = 1
            traceback.print_exc()
    return code, printed.getvalue()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    # What loggers print, and children.
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(run(json.loads(line))) + "\n")
        answers.flush()
