"""Old runs of a pipeline in ML Metadata: which of their artifacts nothing newer needs.

run         1         2         3        4         5
ended       well      well      failed   well      well
examples    #1        #1 cached #1       #20       #20 cached
model       #5        #12       -        #25       #31
`keep_runs` 2 keeps runs 4 and 5. If #12 is served, run 2 stays too. Deleted are #5, and whatever only run 3 made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from ...components.pusher.pushed_model import pushed_folder

_ENDED_WELL = (
    metadata_store_pb2.Execution.COMPLETE,
    metadata_store_pb2.Execution.CACHED,
    metadata_store_pb2.Execution.CANCELED,  # The node was skipped.
)
_UNFINISHED = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)
_DELETED = metadata_store_pb2.Artifact.DELETED


@dataclass(frozen=True)
class OldRuns:
    """What old runs made and nothing newer needs.

    Attributes:
        artifacts: To delete, with those that were marked by a pruning that did not end.
        runs: The number of runs that lose an artifact now.
        execution_ids: The executions of old runs.
        kept_since: The begin of the oldest of the newest runs that stay, in seconds since 1970; 0 if none does.
    """

    artifacts: list[metadata_store_pb2.Artifact]
    runs: int
    execution_ids: frozenset[int]
    kept_since: float


class RunHistory:
    """All runs of a pipeline.

    Args:
        store: An open store.
        pipeline_name: The pipeline's name.
    """

    def __init__(self, store: mlmd.MetadataStore, pipeline_name: str):
        self._store = store
        pipeline = store.get_context_by_type_and_name("pipeline", pipeline_name)
        executions = [] if pipeline is None else store.get_executions_by_context(pipeline.id)
        self._executions = {execution.id: execution for execution in executions}
        # A run's id may be that of another pipeline's run, too.
        contexts = store.get_contexts_by_type("pipeline_run") if executions else []
        of_contexts = ((each.id for each in store.get_executions_by_context(context.id)) for context in contexts)
        runs = (sorted(ids & self._executions.keys()) for ids in map(set, of_contexts))
        # The one that worked last comes last.
        self._runs = sorted((run for run in runs if run), key=lambda run: run[-1])
        self._artifacts_of: dict[int, set[int]] = {}
        for event in store.get_events_by_execution_ids(list(self._executions)) if executions else []:
            self._artifacts_of.setdefault(event.execution_id, set()).add(event.artifact_id)

    @cached_property
    def artifacts(self) -> dict[int, metadata_store_pb2.Artifact]:
        """All artifacts that the runs made or read and that are not deleted, by their ids."""
        ids = set().union(*self._artifacts_of.values())
        found = self._store.get_artifacts_by_id(sorted(ids)) if ids else []
        return {artifact.id: artifact for artifact in found if artifact.state != _DELETED}

    def old(self, keep: int, versions: Collection[str], served: Collection[str]) -> OldRuns:
        """Finds what may be deleted.

        All that these runs made or read stays: the newest `keep` that ended well, all after the newest of them, those
        that have not ended, and the newest that pushed a served version. What another pipeline has read stays too, and
        the copies of all pushed versions.

        Args:
            keep: The number of runs, at least 1.
            versions: The names of the pushed versions that are there, also withdrawn ones.
            served: Those that servers load.
        """
        well = [run for run in self._runs if self._ended_well(run)]
        if not well:
            return OldRuns([], 0, frozenset(), 0.0)
        newest = [*well[-keep:], *(run for run in self._runs if run[-1] > well[-1][-1])]
        unfinished = [run for run in self._runs if self._is_unfinished(run)]
        kept_runs = [*newest, *unfinished, *self._that_pushed(served)]
        kept = self._of_runs(kept_runs)
        kept |= {artifact.id for artifact in self.artifacts.values() if _version(artifact) in versions}
        old = [artifact for artifact in self.artifacts.values() if artifact.id not in kept]
        elsewhere = self._used_elsewhere(artifact.id for artifact in old)
        old = [artifact for artifact in old if artifact.id not in elsewhere]
        losing = {artifact.id for artifact in old}
        begin = min(self._executions[run[0]].create_time_since_epoch for run in [*newest, *unfinished])
        return OldRuns(
            artifacts=old,
            runs=sum(not losing.isdisjoint(self._of_runs([run])) for run in self._runs),
            execution_ids=frozenset(self._executions) - {each for run in kept_runs for each in run},
            kept_since=begin / 1000.0,
        )

    def _ended_well(self, run: list[int]) -> bool:
        # A node that was tried again has several executions; the newest one counts. Each node has a type of its own.
        newest = {self._executions[each].type_id: self._executions[each].last_known_state for each in run}
        return all(state in _ENDED_WELL for state in newest.values())

    def _is_unfinished(self, run: list[int]) -> bool:
        return any(self._executions[each].last_known_state in _UNFINISHED for each in run)

    def _that_pushed(self, served: Collection[str]) -> Iterable[list[int]]:
        """Returns the newest run for each served version; those that took the push from the cache are runs, too."""
        for version in served:
            pushed = {artifact.id for artifact in self.artifacts.values() if _version(artifact) == version}
            yield from [run for run in self._runs if not pushed.isdisjoint(self._of_runs([run]))][-1:]

    def _of_runs(self, runs: Iterable[list[int]]) -> set[int]:
        return set().union(*(self._artifacts_of.get(each, set()) for run in runs for each in run))

    def _used_elsewhere(self, artifact_ids: Iterable[int]) -> set[int]:
        ids = sorted(artifact_ids)
        events = self._store.get_events_by_artifact_ids(ids) if ids else []
        return {event.artifact_id for event in events if event.execution_id not in self._executions}


def _version(artifact: metadata_store_pb2.Artifact) -> str | None:
    """Returns the name of the version that an artifact records; None if it is no pushed model."""
    folder = pushed_folder(artifact) if "pushed" in artifact.custom_properties else None
    return None if folder is None else folder.rstrip("/").rpartition("/")[2]
