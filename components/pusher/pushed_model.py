"""Pushed version's folder, from the custom properties that TFX's Pusher gives a `PushedModel`."""

from __future__ import annotations

from ml_metadata.proto import metadata_store_pb2


def pushed_folder(artifact: metadata_store_pb2.Artifact) -> str | None:
    """Returns the folder that a model was pushed to, or None if it was not pushed.

    Args:
        artifact: A `PushedModel`, as ML Metadata records it.
    """
    properties = artifact.custom_properties
    return properties["pushed_destination"].string_value if properties["pushed"].int_value == 1 else None
