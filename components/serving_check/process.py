"""Process of the serving check: runs the probe and reads its answers."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ...errors import escape
from ...exported.beside_bound import beside_bound, plain

PROBE = Path(__file__).with_name("probe.py")
STDERR_CHARACTERS = 2000
# Its lower case of I differs from all others. A server may run under any locale, and TensorFlow follows this variable
# even if the locale is not installed.
LOCALE = "tr_TR.UTF-8"


@dataclasses.dataclass(frozen=True)
class ProbeResult:
    """Answers of the fresh process.

    Attributes:
        problems: Reasons against the model, templates of `SettingError`; empty if there are none.
        load_seconds: Time to load the model; None if it did not load.
        latency_ms: Milliseconds of a request of a single sentence, `median` and `p95`.
        nll: The loss of each sentence, nats, float64 `[sentences]`; None if the process ended before.
    """

    problems: tuple[str, ...]
    load_seconds: float | None = None
    latency_ms: dict[str, float] | None = None
    nll: np.ndarray | None = None


def run_probe(
    model: str,
    texts: Mapping[str, bytes],
    sentences: Sequence[bytes],
    contexts: Sequence[bytes],
    max_latency_ms: float,
    timeout_seconds: float,
) -> ProbeResult:
    """Checks a model in a fresh process that has TensorFlow alone.

    It runs on the CPU, since the calling process may hold the whole GPU, and under `LOCALE`, which must not change an
    answer.

    Args:
        model: The SavedModel's folder.
        texts: Unusual texts by description; the answers must be finite.
        sentences: Sentences to score.
        contexts: What came before each in its document; a model that reads none leaves it out.
        max_latency_ms: Longest time that 19 of 20 requests of a single sentence may take.
        timeout_seconds: Longest time of the whole process.

    Returns:
        The answers. A process that crashes or does not end is a problem of the model, with its standard error, and no
        exception.
    """
    request = {
        "model": model,
        "texts": {what: base64.b64encode(text).decode() for what, text in texts.items()},
        "sentences": [base64.b64encode(text).decode() for text in sentences],
        "contexts": [base64.b64encode(context).decode() for context in contexts],
        "packages": str(Path(tf.__file__).parents[1]),
    }
    with tempfile.TemporaryDirectory() as folder:
        request_file, result_file = Path(folder, "request.json"), Path(folder, "result.json")
        request_file.write_text(json.dumps(request))
        # The probe ends when nobody holds the other end any more, even if this process is killed.
        life, alive = os.pipe()
        try:
            done = subprocess.run(
                # Isolated: no PYTHONPATH, no user site, not this folder.
                [sys.executable, "-I", str(PROBE), str(request_file), str(result_file)],
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", "LC_ALL": LOCALE},
                stdin=life,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            limit = f"did not end within {timeout_seconds:g} s ({{timeout_seconds}})"
            return ProbeResult((f"the serving process {limit}{_stderr_text(error.stderr)}",))
        finally:
            os.close(life)
            os.close(alive)
        if done.returncode != 0:
            return ProbeResult((f"the serving process ended with code {done.returncode}{_stderr_text(done.stderr)}",))
        answers = json.loads(result_file.read_text())
    problems, latency = list(map(escape, answers["problems"])), answers.get("latency_ms")
    if latency and latency["p95"] > max_latency_ms:
        problems.append(
            "one of 20 requests of a single sentence takes "
            f"{beside_bound(latency['p95'], max_latency_ms, '.1f')} ms or longer; at most {plain(max_latency_ms)} ms "
            "({max_latency_ms})"
        )
    nll = np.array(answers["nll"]) if "nll" in answers else None
    return ProbeResult(tuple(problems), answers["load_seconds"], latency, nll)


def _stderr_text(stderr: bytes | None) -> str:
    text = (stderr or b"").decode("utf-8", "replace").strip()
    return (
        f"; its standard error ends:\n{escape(text[-STDERR_CHARACTERS:])}"
        if text
        else ", without a word on standard error"
    )
