"""Writes 25 artifacts into a SQLite database that others write as well."""

import sys

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.pipelines.metadata.metadata_store import SerialSqlite, connection_config

connection = connection_config(f"sqlite:///{sys.argv[1]}")
for index in range(25):
    with SerialSqlite(connection):
        store = mlmd.MetadataStore(connection)
        kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Thing"))
        store.put_artifacts([metadata_store_pb2.Artifact(type_id=kind, uri=f"{sys.argv[2]}/{index}")])
