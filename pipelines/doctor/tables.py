"""Tables of a diagnosis on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table


def print_diagnosis(diagnosis: dict[str, Any], console: Console) -> None:
    """Prints the machine, the choices with their reasons, the warnings and the problems.

    Args:
        diagnosis: From `diagnosis.diagnose`.
        console: A `terminal.plain_console`, since paths are not markup.
    """
    facts = Table("This machine", "")
    for row in _facts(diagnosis["machine"]):
        facts.add_row(*row)
    choices = Table("A run would use", "", "because")
    for name, choice in diagnosis["choices"].items():
        choices.add_row(name, str(choice["value"]), choice["reason"])
    console.print(facts, choices)
    for kind in ("warnings", "problems"):
        for text in diagnosis[kind]:
            console.print(f"{kind[:-1]}: {text}", highlight=False, soft_wrap=True)
    if not diagnosis["problems"]:
        console.print("Nothing that `tfx-lm run` needs of this machine is missing.", highlight=False)


def _facts(machine: dict[str, Any]) -> Iterator[tuple[str, str]]:
    packages, processor, memory = machine["packages"], machine["processor"], machine["memory"]
    yield "system", f"{machine['system']}, {machine['glibc'] or 'no glibc'}"
    yield "Python", machine["python"]
    yield "tfx-lm", machine["tfx_lm"]
    yield "TFX stack", ", ".join(f"{name} {version or 'missing'}" for name, version in packages.items())
    yield "processor", processor["name"]
    yield "products", ", ".join(processor["instructions"]) or "no AVX2"
    limits = [
        f"{processor['affinity']} by affinity" if processor["affinity"] is not None else "",
        f"{processor['limit']:g} by control groups" if processor["limit"] is not None else "no control groups' limit",
    ]
    cores = [f"{processor['cores']} of the machine", *filter(None, limits)]
    yield "cores", f"{processor['used']} used: {', '.join(cores)}"
    sizes = [f"{_gigabytes(memory['total'])} in all"]
    sizes += [f"{_gigabytes(memory['available'])} available"] if memory["available"] is not None else []
    sizes += [f"limit {_gigabytes(memory['limit'])}" if memory["limit"] else "no control groups' limit"]
    yield "memory", ", ".join(sizes)
    for device in machine["devices"]:
        details = ", ".join(f"{key} {value}" for key, value in device.items() if key != "name")
        yield "TensorFlow sees", f"{device['name']}{f' ({details})' if details else ''}"
    if machine["cuda"]:
        yield "built for", _cuda(machine["cuda"])
    if machine["lstm"]:
        yield "LSTM", _lstm(machine["lstm"])
    for name, disk in machine["disks"].items():
        free = "free space unknown" if disk["free"] is None else f"{_gigabytes(disk['free'])} free"
        yield name, f"{disk['folder']}, {free}"
    if machine["data"]:
        yield "data", _data(machine["data"])
    for command, port in machine["ports"].items():
        yield command, f"port {port['address'].rpartition(':')[2]}: {port['problem'] or 'free'}"


def _data(data: dict[str, Any]) -> str:
    parts = [f"files that can be read: {data['files']:,}, {data['bytes'] / 1e6:,.1f} MB"] if data["files"] else []
    parts += [f"{pattern} is looked at by the nodes alone" for pattern in data["elsewhere"]]
    return "; ".join(parts)


def _cuda(cuda: dict[str, str | None]) -> str:
    return f"CUDA {cuda['cuda']}, cuDNN {cuda['cudnn']}" if cuda["cuda"] else "no CUDA"


def _lstm(lstm: dict[str, Any]) -> str:
    if lstm["cudnn"]:
        return "runs as cuDNN's kernel"
    if lstm["eligible"]:
        return "not as cuDNN's kernel here; on a GPU it may use it"
    return f"cannot use cuDNN's kernel: {'; '.join(lstm['obstacles'])}"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
