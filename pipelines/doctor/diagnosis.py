"""Diagnosis of this machine: its facts, what `auto` stands for on it, and what a run lacks, each with its remedy."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import __version__
from ...model.options import TrainerOptions
from ...remote import is_remote
from ..beam.checks import check_beam
from ..beam.options import BeamConfig
from ..config import PipelineConfig
from ..errors import ConfigurationError
from ..metadata.metadata_url import URL_VARIABLE
from ..nodes.scratch import outer_temporary_folder
from ..preflight import check_output_is_here, check_workers
from .data_files import describe_data
from .metadata_place import metadata_place
from .packages import missing_for, stack_versions
from .ports import port_problem
from .processor import describe_memory, describe_processor
from .tensorflow_view import ask_tensorflow

SCHEMA = 1


def diagnose(config: PipelineConfig | None, ports: Mapping[str, str]) -> dict[str, Any]:
    """Looks at this machine; changes nothing on it.

    Args:
        config: The configuration of the runs; None: the defaults of each section.
        ports: Addresses HOST:PORT that serving needs, by the command that listens there.

    Returns:
        JSON types: `schema`; `machine`, the facts; `choices`, by option with `value` and `reason`; `problems`, what
        keeps `tfx-lm run` from working, with the remedy; `warnings`, what concerns other commands or speed.
    """
    trainer = config.trainer.options() if config else TrainerOptions()
    beam = config.beam if config else BeamConfig()
    problems, warnings = [], []
    versions = stack_versions()
    missing = [name for name, version in versions.items() if version is None]
    seen: dict[str, Any] = {}
    if missing:
        problems.append(f"not installed: {', '.join(missing)}; pip install tfx-lm, in a new environment")
    else:
        seen = ask_tensorflow(trainer)
        problems += [seen["problem"]] if seen["problem"] else []
    checks = [lambda: check_workers(trainer), lambda: check_beam(beam)]
    checks += [lambda: check_output_is_here(config)] if config else []
    for check in checks:
        try:
            check()
        except ConfigurationError as error:
            problems.append(str(error))
    data, problem = describe_data(config) if config else (None, None)
    problems += [problem] if problem else []
    folders = {"TMPDIR": outer_temporary_folder()}
    if config and not is_remote(config.output):
        folders["output"] = Path(config.output)
    if config:
        place, problem = metadata_place(config.metadata)
        problems += [problem] if problem else []
        if place is not None:
            folders["metadata"] = place
    disks = {name: _describe_disk(folder) for name, folder in folders.items()}
    remedies = {"metadata": f"set metadata, or {URL_VARIABLE}, to another URL"}
    problems += [
        f"{name}={disk['folder']}: cannot be written ({disk['problem']}); "
        + remedies.get(name, f"set {name} to another folder")
        for name, disk in disks.items()
        if disk["problem"]
    ]
    taken = {command: port_problem(address) for command, address in ports.items()}
    warnings += [
        f"{command}: port {ports[command].rpartition(':')[2]} cannot be used ({problem}); name another one"
        for command, problem in taken.items()
        if problem
    ]
    extra = missing_for("serve")
    if extra:
        warnings.append(f"tfx-lm serve: not installed: {', '.join(extra)}; pip install 'tfx-lm[serve]'")
    devices = seen.get("devices", [])
    warnings += _unseen_accelerators(devices, versions["tensorflow"]) if devices else []
    return {
        "schema": SCHEMA,
        "machine": {
            "system": f"{platform.system()} {platform.release()} on {platform.machine()}",
            "glibc": " ".join(platform.libc_ver()).strip() or None,
            "python": platform.python_version(),
            "tfx_lm": __version__,
            "packages": versions,
            "processor": describe_processor(),
            "memory": describe_memory(),
            "devices": devices,
            "cuda": seen.get("cuda"),
            "lstm": seen.get("lstm"),
            "disks": disks,
            "data": data,
            "ports": {command: {"address": ports[command], "problem": problem} for command, problem in taken.items()},
        },
        "choices": {
            **seen.get("choices", {}),
            "beam.runner": {
                "value": beam.runner,
                "reason": "the configuration sets it" if "runner" in beam.model_fields_set else "the default",
            },
        },
        "problems": problems,
        "warnings": warnings,
    }


def _describe_disk(folder: Path) -> dict[str, Any]:
    """Returns the folder, its disk's free bytes (null: unknown), and why no file can be written there (null: it can).

    A folder that does not exist yet is made by a run, so its first parent that exists must be writable.
    """
    place = folder.absolute()
    problem = free = None
    try:
        while not place.exists() and place != place.parent:
            place = place.parent
        free = shutil.disk_usage(place).free
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0")
            file.flush()
    except OSError as error:
        problem = error.strerror or str(error)
    return {"folder": str(folder), "free": free, "problem": problem}


def _unseen_accelerators(devices: list[dict[str, Any]], tensorflow: str | None) -> list[str]:
    """Returns what to do about accelerators that the system has and TensorFlow does not see."""
    kinds = {device["name"].partition(":")[0] for device in devices}
    found = []
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if "GPU" not in kinds and not hidden and list(Path("/dev").glob("nvidia[0-9]*")):
        found.append(
            "this machine has an NVIDIA GPU, and TensorFlow cannot use it, so training uses the processor; "
            f"{sys.executable} -m pip install 'tensorflow[and-cuda]=={tensorflow}'"
        )
    if "TPU" not in kinds and list(Path("/dev").glob("accel[0-9]*")):
        found.append(
            "this machine may have a TPU (/dev/accel…), and TensorFlow does not see it; install libtpu, or set TPU_NAME"
        )
    return found
