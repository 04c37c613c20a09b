"""The scores and the verdict as properties of the Evaluator's artifacts."""

import ml_metadata as mlmd
import pytest
from helpers.evaluation_run import Evaluation
from ml_metadata.proto import metadata_store_pb2

pytestmark = pytest.mark.slow


def test_ml_metadata_knows_which_run_was_the_best(tmp_path, uniform_model, save_uniform_model):
    """The artifacts of three runs are kept as TFX's launcher keeps them, then asked for."""
    database = metadata_store_pb2.FakeDatabaseConfig()
    store = mlmd.MetadataStore(metadata_store_pb2.ConnectionConfig(fake_database=database))
    sizes = {"twenty": 20, "sixteen": 16, "thirty": 30}
    for name, size in sizes.items():
        run = Evaluation(tmp_path / name, save_uniform_model(size, path=tmp_path / f"{name}_model"))
        for artifact in (run.evaluation, run.blessing):
            artifact.artifact_type.id = store.put_artifact_type(artifact.artifact_type)
            artifact.mlmd_artifact.type_id = artifact.artifact_type.id
            (artifact.id,) = store.put_artifacts([artifact.mlmd_artifact])
    for kind in ("ModelEvaluation", "ModelBlessing"):
        kept = store.get_artifacts_by_type(kind)
        best = min(kept, key=lambda artifact: artifact.custom_properties["bits_per_byte"].double_value)
        assert "/sixteen/" in best.uri
        assert best.custom_properties["perplexity"].double_value == pytest.approx(16, rel=1e-6)
        assert best.custom_properties["tokens"].int_value == 220
        assert best.custom_properties["blessed"].int_value == 1
