"""What TensorFlow sees of this machine, and what the Trainer would choose: a program of its own, ended if it hangs.

python -m tfx_lm.pipelines.doctor.tensorflow_view '{"distribution": "auto"}'     the options; prints JSON
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from ...errors import SettingError
from ...model.options import TrainerOptions
from ..setting_names import in_yaml_terms, yaml_key

# Importing TensorFlow and starting a GPU take seconds; a driver that does not answer would take forever.
SECONDS = 120.0
_MARK = "tfx-lm doctor: "


def ask_tensorflow(options: TrainerOptions) -> dict[str, Any]:
    """Asks TensorFlow in a process of its own, which takes no more of a GPU's memory than it needs.

    Args:
        options: The trainer's options.

    Returns:
        What `look` returns; only `problem`, if TensorFlow or a library of the stack cannot be used here.
    """
    command = [sys.executable, "-m", __spec__.name, json.dumps(options.model_dump(mode="json"))]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return {
            "problem": f"TensorFlow did not answer within {SECONDS:.0f} s; if a driver hangs (`nvidia-smi` then hangs "
            "too), restart the machine, or hide its GPUs with CUDA_VISIBLE_DEVICES=-1"
        }
    answers = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if answers:
        return json.loads(answers[-1].removeprefix(_MARK))
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return {
            "problem": f"TensorFlow was ended by {name} (SIGILL: this processor lacks instructions that TensorFlow is "
            "built for, such as AVX; SIGKILL: too little memory); use another machine"
        }
    last = (done.stderr.strip() or "no message").splitlines()[-1]
    return {"problem": f"TensorFlow cannot be used ({last}); install again: pip install --force-reinstall tfx-lm"}


def look(options: TrainerOptions) -> dict[str, Any]:
    """Looks at TensorFlow's devices in this process.

    Args:
        options: The trainer's options.

    Returns:
        JSON types: `devices`, each with `name` and what TensorFlow tells about it; `cuda`, the versions that TensorFlow
        is built for; `choices`, by option with `value` and `reason`; `lstm`, with `cudnn` (whether its kernel ran),
        `eligible` and `obstacles`; `problem` (text or null).
    """
    import ml_metadata  # noqa: F401, it has a library that may not load here
    import tensorflow as tf

    from ...components.trainer.cudnn import cudnn_obstacles, run_states
    from ...components.trainer.distribution import Choice, choose_distribution, choose_strategy, tpu_address
    from ...components.trainer.precision import choose_precision
    from ...components.trainer.threads import check_processes, deal_threads
    from ...components.trainer.untrained_model import build_model

    build = tf.sysconfig.get_build_info()
    found: dict[str, Any] = {
        "devices": [],
        "cuda": {"cuda": build.get("cuda_version"), "cudnn": build.get("cudnn_version")},
        "choices": {},
        "lstm": None,
        "problem": None,
    }
    # Before TensorFlow computes anything.
    shares = deal_threads(options.batch_tokens // options.workers, options.workers)
    for device in tf.config.list_physical_devices():
        details = tf.config.experimental.get_device_details(device)
        name = device.name.removeprefix("/physical_device:")
        found["devices"].append({"name": name, **{key: str(value) for key, value in details.items()}})
    try:
        distribution = choose_distribution(options.distribution)
        check_processes(options.workers)
        # Not a TPU that is there: connecting to it would disturb whoever uses it.
        if distribution.value == "mirrored" or (distribution.value == "tpu" and tpu_address() is None):
            choose_strategy(distribution.value)
    except ValueError as error:
        return {**found, "problem": in_yaml_terms(error) or str(error)}
    if options.workers > 1:
        distribution = Choice("multi_worker", f"{{workers}}={options.workers} processes of this machine train")
    found["choices"] = {
        "trainer.distribution": {
            "value": distribution.value,
            "reason": SettingError(distribution.reason).with_names(yaml_key),
        },
        "trainer.precision": choose_precision(options)._asdict(),
        "shares of a batch": {
            "value": shares,
            "reason": "an accelerator gets the whole batch" if _accelerated(found) else "cores of the processor",
        },
    }
    small = {"embedding_units": 8, "units": 8, "adaptive_cutoffs": (5,)}
    try:
        model = build_model(TrainerOptions.parse({**options.model_dump(), **small}), 16, 1)
        ran = run_states(model, [[2, 7, 9], [2, 8, 0]])
    except (tf.errors.OpError, RuntimeError) as error:
        # TensorFlow takes the first accelerator.
        names = [device["name"] for device in found["devices"] if not device["name"].startswith("CPU")]
        name = names[0] if names else "the processor"
        return {
            **found,
            "problem": f"the LSTM cannot run on {name} ({error}); see that no other program holds it, or hide it "
            "(CUDA_VISIBLE_DEVICES=-1 for GPUs)",
        }
    obstacles = cudnn_obstacles(model)
    found["lstm"] = {"cudnn": ran, "eligible": not obstacles, "obstacles": obstacles}
    return found


def _accelerated(found: dict[str, Any]) -> bool:
    return any(not device["name"].startswith("CPU") for device in found["devices"])


def main() -> None:
    """Prints what `look` found, or why the libraries cannot be used."""
    options = TrainerOptions.parse(json.loads(sys.argv[1]))
    try:
        answer = look(options)
    except ImportError as error:
        answer = {
            "problem": f"a library of the stack cannot be loaded ({error}); install again: "
            "pip install --force-reinstall tfx-lm"
        }
    print(f"{_MARK}{json.dumps(answer)}")


if __name__ == "__main__":
    main()
