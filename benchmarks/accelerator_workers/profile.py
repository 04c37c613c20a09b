"""Profile of training steps: names of what ran."""

from __future__ import annotations

import re
from pathlib import Path

from tfx_lm.components.trainer.cudnn import OPERATION

# cuDNN's kernels of recurrent layers, such as RNN_blockPersist_fp_LSTM and LSTM_elementWise_fp1.
_KERNEL = re.compile(r"(RNN_|LSTM_|persistRNN|elemWiseRNN)\w*")
_NAME = re.compile(rb"[\x20-\x7e]{4,}")


def names_that_ran(folder: Path) -> set[str]:
    """Returns the names of operations and kernels in the profiles of a folder.

    The files are protocol buffers, whose definition TensorFlow moves from release to release; a name is plain text in
    them.

    Args:
        folder: The folder that `tf.profiler.experimental.start` was given.
    """
    found: set[str] = set()
    for file in folder.rglob("*.xplane.pb"):
        found.update(name.decode("ascii") for name in _NAME.findall(file.read_bytes()))
    return found


def cudnn_evidence(names: set[str]) -> dict[str, object]:
    """Returns whether cuDNN's operation ran (`ran`), and the names of its `kernels`, at most eight.

    Example: {"while/CudnnRNNV3:CudnnRNNV3", "void RNN_blockPersist_fp_LSTM<float>"} ran, with the kernel
    `RNN_blockPersist_fp_LSTM`.
    """
    kernels = {match[0] for name in names for match in [_KERNEL.search(name)] if match}
    return {"ran": any(OPERATION in name for name in names), "kernels": sorted(kernels)[:8]}
