"""Whether a Beam pipeline runs in the process that starts it."""

from __future__ import annotations

from collections.abc import Sequence

from apache_beam.options import pipeline_options


def stays_in_process(beam_arguments: Sequence[str], without_runner: bool = False) -> bool:
    """Returns whether all steps of a pipeline with these arguments run in this process.

    Args:
        beam_arguments: As Beam parses them.
        without_runner: What is returned if they name no runner: Beam then chooses a local one, which by its version
            may use other processes.
    """
    options = pipeline_options.PipelineOptions(list(beam_arguments))
    runner = options.view_as(pipeline_options.StandardOptions).runner
    direct = options.view_as(pipeline_options.DirectOptions)
    return (
        (without_runner if runner is None else runner.endswith(".FnApiRunner"))
        and (direct.direct_running_mode, direct.direct_num_workers) == ("in_memory", 1)
        and options.view_as(pipeline_options.PortableOptions).environment_type is None
    )
