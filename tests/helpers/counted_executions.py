"""A store of ML Metadata that counts the executions that are read."""

import ml_metadata
from ml_metadata.proto import metadata_store_pb2


class CountedExecutions(ml_metadata.MetadataStore):
    """Writes executions as TFX does, and counts those that are read; `read` is their number."""

    read = 0

    def add(self, node: str, run: str, state: str = "COMPLETE", pipeline: str = "small") -> int:
        """Adds an execution of a node of a run; returns its id."""
        names = {"pipeline": pipeline, "pipeline_run": run, "node": f"{pipeline}.{node}"}
        contexts = [
            metadata_store_pb2.Context(
                type_id=self.put_context_type(metadata_store_pb2.ContextType(name=kind)), name=name
            )
            for kind, name in names.items()
        ]
        work = self.put_execution_type(metadata_store_pb2.ExecutionType(name="Work"))
        execution = metadata_store_pb2.Execution(type_id=work)
        execution.last_known_state = metadata_store_pb2.Execution.State.Value(state)
        number, _, _ = self.put_execution(execution, [], contexts, reuse_context_if_already_exist=True)
        of_pipeline, of_run = (
            self.get_context_by_type_and_name(kind, names[kind]).id for kind in ("pipeline", "pipeline_run")
        )
        if of_run not in [each.id for each in self.get_children_contexts_by_context(of_pipeline)]:
            self.put_parent_contexts([metadata_store_pb2.ParentContext(parent_id=of_pipeline, child_id=of_run)])
        return number

    def get_executions_by_context(self, *arguments, **options):
        found = super().get_executions_by_context(*arguments, **options)
        self.read += len(found)
        return found
