"""A second push of the newest run's model, after the pushed version was removed, damaged or rolled back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ...components.baseline.served import SERVED_DIGEST_KEY, SERVED_MODEL_KEY, NotComparedError, check_compared
from ...components.pusher.pushed_model import pushed_folder
from ...exported import versions
from ...exported.damage import UnreadableError, damage, is_complete
from ..config import PipelineConfig
from ..errors import ConfigurationError
from ..metadata.metadata_store import (
    SerialSqlite,
    check_sqlite,
    check_there,
    connection_config,
    open_store,
    resolve_connection,
    shown_url,
)
from ..metadata.metadata_url import URL_VARIABLE
from ..metadata.run_records import RunRecords
from ..results.summary import write_summary
from .output_lock import locked_output

SUMMARY = "summary.json"

_RUN = "run `tfx-lm run` with the same settings, which compares and pushes"


def push_again(output: Path) -> Path:
    """Pushes the model that the Pusher of the newest local run pushed, from the copy that TFX keeps.

    ML Metadata and `summary.json` name the new version afterwards.

    Args:
        output: The output folder of the run.

    Returns:
        The new version's folder.

    Raises:
        ConfigurationError: The newest run pushed nothing, its version is there and whole, the run compared its model
            with another baseline than the model that is served now, a model cannot be read, ML Metadata does not know
            the run, or a run works in the folder.
    """
    # Before the lock, which makes the folder and its file.
    _newest_run(output)
    with locked_output(output):
        # Again, since a run may have ended meanwhile.
        summary, config = _newest_run(output)
        config.make_link()
        connection = resolve_connection(connection_config(config.metadata_url()))
        # The configuration is that of the summary, so only the variable can be set.
        remedy = f"set {URL_VARIABLE} to the URL that run {summary['run_id']}, the newest in {output}, had"
        check_there(connection, remedy)
        with SerialSqlite(connection):
            check_sqlite(connection)
            records = RunRecords(open_store(connection), config.name, str(summary["run_id"]))
            if not records.is_known():
                raise ConfigurationError(
                    f"metadata={shown_url(connection)}: has no record of run {summary['run_id']}; {remedy}"
                )
            try:
                return _push(Path(config.output_folder()), config, summary, records)
            except UnreadableError as error:
                raise ConfigurationError(str(error)) from error


def _newest_run(output: Path) -> tuple[dict[str, Any], PipelineConfig]:
    file = output / SUMMARY
    if not file.is_file():
        raise ConfigurationError(_no_summary(output))
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        config = PipelineConfig.model_validate({**_accepted(summary["config"]), "output": str(output)})
        str(summary["run_id"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigurationError(f"{file}: no summary of a run ({error}); give the output folder of a run") from error
    return summary, config


def _no_summary(output: Path) -> str:
    """Returns why a folder without a summary cannot be used, and what to give in its place."""
    missing = f"{output}: has no {SUMMARY}, which `tfx-lm run` writes"
    if outer := next((folder for folder in output.absolute().parents if (folder / SUMMARY).is_file()), None):
        return f"{missing}; give the output folder itself, {outer}"
    if (output / "artifacts").is_dir() or (output / "serving").is_dir():
        return (
            f"{missing} at its end, and orchestrators do not; if `tfx-lm run` was cut short here, run it again; on "
            "Airflow, clear the task Pusher of the newest run, which then pushes its model again"
        )
    return f"{missing}; give the output folder of a run"


def _accepted(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the configuration of a run without what had no effect on it, which earlier releases did not refuse."""
    data = config.get("data", {})
    data = {key: value for key, value in data.items() if key != "eval_percent" or not data.get("splits")}
    pieces = config.get("vocabulary", {}).get("kind") == "subwords"
    drift = {key: value for key, value in config.get("drift", {}).items() if key != "max_unknown_rise" or not pieces}
    return {**{key: value for key, value in config.items() if key != "kubeflow"}, "data": data, "drift": drift}


def _push(output: Path, config: PipelineConfig, summary: dict[str, Any], records: RunRecords) -> Path:
    run_id, serving = summary["run_id"], output / "serving"
    pushed, baseline = records.output("Pusher", "pushed_model"), records.output("Baseline", "baseline")
    before = None if pushed is None else pushed_folder(pushed)
    if pushed is None or before is None or records.state("Pusher") not in ("COMPLETE", "CACHED"):
        raise ConfigurationError(f"{output}: its newest run, {run_id}, pushed nothing; the report says why")
    if Path(before).is_dir() and damage(before) is None:
        raise ConfigurationError(f"{output}: {before}, the model of its newest run, is there; nothing was done")
    if not is_complete(pushed.uri):
        raise ConfigurationError(f"{pushed.uri}: the copy of the pushed model is gone; {_RUN}")
    if problem := damage(pushed.uri):
        raise ConfigurationError(f"{pushed.uri}: the copy of the pushed model is damaged: {problem}; {_RUN}")
    if baseline is None:
        raise ConfigurationError(f"{output}: its newest run, {run_id}, compared its model with none; {_RUN}")
    compared = baseline.custom_properties[SERVED_MODEL_KEY].string_value
    digest = baseline.custom_properties[SERVED_DIGEST_KEY].string_value

    def copy(folder: Path) -> None:
        shutil.copytree(pushed.uri, folder, dirs_exist_ok=True)

    def check() -> None:
        check_compared(str(serving), pushed.uri, compared, Path(before).name, digest)

    try:
        version = versions.push(serving, copy, config.pusher.keep_versions, check)
    except NotComparedError as error:
        raise ConfigurationError(f"{output}: its newest run, {run_id}: {error}") from error
    pushed.custom_properties["pushed_destination"].string_value = str(version)
    pushed.custom_properties["pushed_version"].string_value = version.name
    records.update(pushed)
    warnings = [warning for warning in summary["warnings"] if not warning.startswith(f"{before}, which the Pusher")]
    write_summary({**summary, "pushed_model": str(version), "warnings": warnings}, output / SUMMARY)
    return version
