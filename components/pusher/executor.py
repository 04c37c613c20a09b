"""Executor of the Pusher: a version appears as a whole or not at all."""

from __future__ import annotations

import logging
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import io_utils, proto_utils

from ...exported import versions
from ...progress import report
from ...remote import is_remote
from ..artifacts import Artifacts
from ..baseline.served import (
    SERVED_DESTINATION_KEY,
    SERVED_DIGEST_KEY,
    SERVED_MODEL_KEY,
    check_compared,
    same_folder,
    served_model,
)
from ..lineage import copy_scores
from . import object_store
from .copying import copy_into
from .options import PusherOptions
from .refusal import not_blessed

_log = logging.getLogger(__name__)

KEEP_VERSIONS_KEY = "keep_versions"
REQUIRE_PUSH_KEY = "require_push"


class Executor(executor.Executor):
    """Pushes to a folder by one rename, with ascending version numbers, and keeps the newest versions."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Pushes the model if it is blessed.

        Args:
            input_dict: Those of TFX's Pusher: `model`, `model_blessing`, `infra_blessing`.
            output_dict: That of TFX's Pusher: `pushed_model`.
            exec_properties: `push_destination`; `keep_versions`: number of newest versions to keep; absent or
                None: all; `require_push`: 1 if a model that is not blessed is an error.

        Raises:
            SettingError: If `keep_versions` is below 1, or a push is required and the model is not blessed.
            NotComparedError: If another model is served by now than the one that the blessing was given against; in
                a folder that Baseline did not read, that is a warning in the log.
        """
        # A RuntimeParameter's value has not been checked yet; TFX leaves out what is None.
        options = PusherOptions.parse(
            {
                KEEP_VERSIONS_KEY: exec_properties.get(KEEP_VERSIONS_KEY),
                REQUIRE_PUSH_KEY: exec_properties.get(REQUIRE_PUSH_KEY) or False,
            }
        )
        push_destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[specs.PUSH_DESTINATION_KEY], push_destination)
        destination = push_destination.filesystem.base_directory
        pushed = artifact_utils.get_single_instance(output_dict[specs.PUSHED_MODEL_KEY])
        self._log_startup(input_dict, output_dict, exec_properties)
        if not self.CheckBlessing(input_dict):
            if options.require_push:
                raise not_blessed(input_dict)
            self._MarkNotPushed(pushed)
            report("not pushed: the model is not blessed")
            return
        model = self.GetModelPath(input_dict)
        # TFX records the push before servers see the version: a failure here pushes nothing.
        io_utils.copy_dir(model, pushed.uri)
        version = self._push(
            destination, model, pushed.uri, options.keep_versions, lambda: self._check_compared(input_dict, destination)
        )
        self._MarkPushed(pushed, pushed_destination=version, pushed_version=version.rpartition("/")[2])
        _record(pushed, input_dict)

    def _push(self, destination: str, model: str, record: str, keep: int | None, check: Callable[[], None]) -> str:
        if urllib.parse.urlparse(destination).scheme:
            return object_store.push(destination, model, keep, check)
        version = _unrecorded_push(destination, record) or versions.push(
            Path(destination), lambda folder: copy_into(model, str(folder)), keep, check
        )
        return str(version)

    def _check_compared(self, input_dict: Artifacts, destination: str) -> None:
        for blessing in input_dict.get(specs.MODEL_BLESSING_KEY) or []:
            # A blessing of another Evaluator, or without a Baseline, does not say what it compared with.
            if not blessing.has_custom_property(SERVED_MODEL_KEY):
                continue
            model = self.GetModelPath(input_dict)
            compared_in = blessing.get_string_custom_property(SERVED_DESTINATION_KEY)
            # Older blessings do not name the folder.
            if not compared_in or same_folder(destination, compared_in):
                compared, digest = map(blessing.get_string_custom_property, (SERVED_MODEL_KEY, SERVED_DIGEST_KEY))
                check_compared(destination, model, compared, digest=digest)
            elif served := served_model(destination, model):
                _log.warning(
                    "%s, which is served now, was not compared with the model: Baseline's push_destination is %s",
                    served,
                    compared_in,
                )


def _unrecorded_push(destination: str, uri: str) -> Path | None:
    """Finds what a killed push has done: done twice, a rollback would go back to the same model.

    Args:
        destination: The folder of versions.
        uri: The folder of the new record, beside those of earlier pushes; a killed one's was removed.
    """
    if is_remote(uri):
        return None
    ours = Path(uri)
    return versions.unrecorded_push(Path(destination), ours, (each for each in ours.parent.iterdir() if each != ours))


def _record(pushed: types.Artifact, input_dict: Artifacts) -> None:
    copy_scores(pushed, input_dict.get(specs.MODEL_BLESSING_KEY) or [])
    report(f"pushed to {pushed.get_string_custom_property('pushed_destination')}")
