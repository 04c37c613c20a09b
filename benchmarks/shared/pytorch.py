"""PyTorch as a peer: its interpreter, and its fastest settings."""

import subprocess

import click

from .options import CACHE

# Memory blocks are kept between steps, not returned to the system and asked for again.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_ARENA_MAX": "1"}

torch_python_option = click.option(
    "--torch-python",
    default=str(CACHE / "torch" / "bin" / "python"),
    help="An interpreter that has PyTorch.  [default: what make installs]",
)


def check_torch(python: str, remedy: str = "") -> None:
    """Raises a usage error if the interpreter has no PyTorch: a peer is never left out silently.

    Args:
        python: The interpreter.
        remedy: What else can be done.
    """
    try:
        done = subprocess.run([python, "-c", "import torch"], capture_output=True, text=True)
        reason = done.stderr.strip().split("\n")[-1] or f"it ended with {done.returncode}" if done.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        raise click.UsageError(
            f"--torch-python {python}: has no PyTorch ({reason}); run the benchmark with make, which makes an "
            f"environment that has it, or name an interpreter that has it{remedy}"
        )
