"""Old runs of a pipeline in ML Metadata: which of their artifacts nothing newer needs.

run         1         2         3        4         5
ended       well      well      failed   well      well
examples    #1        #1 cached #1       #20       #20 cached
model       #5        #12       -        #25       #31
`keep_runs` 2 keeps runs 4 and 5. If #12 is served, run 2 stays too. Deleted are #5, and whatever only run 3 made.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from ...components.pusher.pushed_model import pushed_folder
from ...remote import is_remote

# Nothing follows these. A run that has not done both is a partial one, or its machine died.
_LAST_NODES = ("Pusher", "Report")
_DONE = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
_ENDED_WELL = (*_DONE, metadata_store_pb2.Execution.CANCELED)  # The last: the node was skipped.
_UNFINISHED = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)
_MARKED, _DELETED = metadata_store_pb2.Artifact.MARKED_FOR_DELETION, metadata_store_pb2.Artifact.DELETED


@dataclass(frozen=True)
class OldRuns:
    """What old runs made and nothing newer needs.

    Attributes:
        artifacts: To delete, with those that were marked by a pruning that did not end.
        outside: Artifacts that no run of this output folder needs, which lie outside of it.
        runs: The number of runs that lose an artifact now.
        execution_ids: The executions of old runs.
        kept_since: The begin of the oldest of the newest runs that stay, in seconds since 1970; 0 if none does.
    """

    artifacts: list[metadata_store_pb2.Artifact]
    outside: list[metadata_store_pb2.Artifact]
    runs: int
    execution_ids: frozenset[int]
    kept_since: float


class RunHistory:
    """All runs of a pipeline; those in other output folders that share ML Metadata are told apart by their artifacts.

    Args:
        store: An open store.
        pipeline_name: The pipeline's name.
        root: The folder of all artifacts of one output folder.
    """

    def __init__(self, store: mlmd.MetadataStore, pipeline_name: str, root: str | Path):
        self._store = store
        self._root = Path(os.path.realpath(root))
        self._folders: dict[str, Path] = {}
        pipeline = store.get_context_by_type_and_name("pipeline", pipeline_name)
        executions = [] if pipeline is None else store.get_executions_by_context(pipeline.id)
        self._executions = {execution.id: execution for execution in executions}
        # A run's id may be that of another pipeline's run, too.
        contexts = store.get_contexts_by_type("pipeline_run") if executions else []
        of_contexts = ((each.id for each in store.get_executions_by_context(context.id)) for context in contexts)
        runs = (sorted(ids & self._executions.keys()) for ids in map(set, of_contexts))
        # The one that worked last comes last.
        self._runs = sorted((run for run in runs if run), key=lambda run: run[-1])
        self._node_of = self._read_nodes(f"{pipeline_name}.") if executions else {}
        self._artifacts_of: dict[int, set[int]] = {}
        self._made_by: dict[int, set[int]] = {}
        for event in store.get_events_by_execution_ids(list(self._executions)) if executions else []:
            self._artifacts_of.setdefault(event.execution_id, set()).add(event.artifact_id)
            if event.type == metadata_store_pb2.Event.OUTPUT:
                self._made_by.setdefault(event.execution_id, set()).add(event.artifact_id)

    def _read_nodes(self, prefix: str) -> dict[int, str]:
        """Returns the node of each execution. StartingModel and ServedModel are two nodes of one execution type."""
        contexts = [each for each in self._store.get_contexts_by_type("node") if each.name.startswith(prefix)]
        return {
            execution.id: context.name.removeprefix(prefix)
            for context in contexts
            for execution in self._store.get_executions_by_context(context.id)
        }

    @cached_property
    def _all(self) -> dict[int, metadata_store_pb2.Artifact]:
        """All artifacts of the store, also of other pipelines."""
        return {artifact.id: artifact for artifact in self._store.get_artifacts()}

    @cached_property
    def _own(self) -> dict[int, metadata_store_pb2.Artifact]:
        """All artifacts that the runs made or read."""
        ids = set().union(*self._artifacts_of.values())
        return {each: self._all[each] for each in sorted(ids) if each in self._all}

    @cached_property
    def artifacts(self) -> dict[int, metadata_store_pb2.Artifact]:
        """All artifacts that the runs made or read and that are not deleted, by their ids."""
        return {each: artifact for each, artifact in self._own.items() if artifact.state != _DELETED}

    def is_empty(self) -> bool:
        """Returns whether ML Metadata has no run of the pipeline."""
        return not self._runs

    def is_elsewhere(self) -> bool:
        """Returns whether no artifact of any run lies, or lay, below the folder of all artifacts."""
        return not any(self._is_inside(artifact) for artifact in self._own.values())

    def theirs(self) -> list[str]:
        """Returns the artifacts of other pipelines below the folder of all artifacts, without copies of our records."""
        ours = {self.folder(artifact) for artifact in self._own.values()}
        return [
            artifact.uri
            for each, artifact in self._all.items()
            if each not in self._own
            and (folder := self.folder(artifact)) is not None
            and self._is_inside(artifact)
            and ours.isdisjoint((folder, *folder.parents))
        ]

    def staying(self, old: OldRuns) -> list[Path]:
        """Returns the folders of the live artifacts below the folder of all artifacts that are not old."""
        ids = {artifact.id for artifact in old.artifacts}
        live = metadata_store_pb2.Artifact.LIVE
        stay = [each for each in self.artifacts.values() if each.state == live and each.id not in ids]
        return [folder for each in stay if self._is_inside(each) and (folder := self.folder(each)) is not None]

    def folder(self, artifact: metadata_store_pb2.Artifact) -> Path | None:
        """Returns an artifact's folder, with links followed; None if it is not on this machine."""
        uri = artifact.uri
        if not uri or is_remote(uri):
            return None
        if uri not in self._folders:
            self._folders[uri] = Path(os.path.realpath(uri))
        return self._folders[uri]

    def old(self, keep: int, versions: Collection[str], served: Collection[str]) -> OldRuns:
        """Finds what may be deleted.

        All that these runs made or read stays: the newest `keep` whole ones of this output folder that ended well, all
        after the newest of them, those that have not ended, and the newest that pushed a served version. What another
        pipeline or a run in another output folder has read stays too, and the copies of all pushed versions.

        Args:
            keep: The number of runs, at least 1.
            versions: The names of the pushed versions that are there, also withdrawn ones.
            served: Those that servers load; if there are none, the newest run that pushed stays.
        """
        well = [run for run in self._runs if self._ended_well(run) and self._is_here(run)]
        if not well:
            return OldRuns([], [], 0, frozenset(), 0.0)
        newest = [*well[-keep:], *(run for run in self._runs if run[-1] > well[-1][-1])]
        unfinished = [run for run in self._runs if self._is_unfinished(run)]
        kept_runs = [*newest, *unfinished, *self._that_pushed(served)]
        kept = self._of_runs(kept_runs)
        kept |= {artifact.id for artifact in self.artifacts.values() if _version(artifact) in versions}
        # Half of what is marked may be deleted, so it goes, even if a run with it stays by now.
        old = [each for each in self.artifacts.values() if each.id not in kept or each.state == _MARKED]
        outside = [each for each in old if self.folder(each) is not None and not self._is_inside(each)]
        elsewhere = self._of_runs(run for run in self._runs if self._works_elsewhere(run))
        elsewhere |= self._used_elsewhere(each.id for each in old)
        old = self._without_needed([each for each in old if self._is_folder(each) and each.id not in elsewhere])
        losing = {artifact.id for artifact in old}
        begin = min(self._executions[run[0]].create_time_since_epoch for run in [*newest, *unfinished])
        return OldRuns(
            artifacts=old,
            outside=outside,
            runs=sum(not losing.isdisjoint(self._of_runs([run])) for run in self._runs),
            execution_ids=frozenset(self._executions) - {each for run in kept_runs for each in run},
            kept_since=begin / 1000.0,
        )

    def _is_inside(self, artifact: metadata_store_pb2.Artifact) -> bool:
        folder = self.folder(artifact)
        return folder is not None and folder.is_relative_to(self._root)

    def _is_folder(self, artifact: metadata_store_pb2.Artifact) -> bool:
        """Returns whether an artifact has a folder of its own, not that of a node, which holds those of others."""
        folder = self.folder(artifact)
        return folder is not None and self._is_inside(artifact) and len(folder.relative_to(self._root).parts) > 2

    def _ended_well(self, run: list[int]) -> bool:
        # A node that was tried again has several executions; the newest one counts.
        newest = {self._node_of.get(each): self._executions[each].last_known_state for each in run}
        return all(state in _ENDED_WELL for state in newest.values()) and all(
            newest.get(node) in _DONE for node in _LAST_NODES
        )

    def _is_here(self, run: list[int]) -> bool:
        # Earlier artifacts may be those of another output folder, from the cache.
        last = [artifact for each in run if self._node_of.get(each) in _LAST_NODES for artifact in self._made(each)]
        return bool(last) and all(map(self._is_inside, last))

    def _works_elsewhere(self, run: list[int]) -> bool:
        made = (artifact for each in run for artifact in self._made(each))
        return any(artifact.state != _DELETED and not self._is_inside(artifact) for artifact in made)

    def _made(self, execution_id: int) -> list[metadata_store_pb2.Artifact]:
        return [self._own[each] for each in self._made_by.get(execution_id, ()) if each in self._own]

    def _is_unfinished(self, run: list[int]) -> bool:
        return any(self._executions[each].last_known_state in _UNFINISHED for each in run)

    def _that_pushed(self, served: Collection[str]) -> Iterable[list[int]]:
        """Returns the newest run for each served version; those that took the push from the cache are runs, too."""
        versions = {each: _version(artifact) for each, artifact in self.artifacts.items()}
        pushed = [{each for each, name in versions.items() if name == version} for version in served]
        if not served:
            pushed = [{each for each, name in versions.items() if name and self._is_inside(self.artifacts[each])}]
        for ids in pushed:
            yield from [run for run in self._runs if not ids.isdisjoint(self._of_runs([run]))][-1:]

    def _of_runs(self, runs: Iterable[list[int]]) -> set[int]:
        return set().union(*(self._artifacts_of.get(each, set()) for run in runs for each in run))

    def _used_elsewhere(self, artifact_ids: Iterable[int]) -> set[int]:
        ids = sorted(artifact_ids)
        events = self._store.get_events_by_artifact_ids(ids) if ids else []
        return {event.artifact_id for event in events if event.execution_id not in self._executions}

    def _without_needed(self, old: list[metadata_store_pb2.Artifact]) -> list[metadata_store_pb2.Artifact]:
        """Leaves out the artifacts whose files other records name too, such as those of an Importer."""
        ids = {artifact.id for artifact in old}
        stay = (each for each in self._all.values() if each.state != _DELETED and each.id not in ids)
        folders = (folder for each in stay if (folder := self.folder(each)) is not None)
        needed = {path for folder in folders for path in (folder, *folder.parents)}
        return [artifact for artifact in old if self.folder(artifact) not in needed]


def _version(artifact: metadata_store_pb2.Artifact) -> str | None:
    """Returns the name of the version that an artifact records; None if it is no pushed model."""
    folder = pushed_folder(artifact) if "pushed" in artifact.custom_properties else None
    return None if folder is None else folder.rstrip("/").rpartition("/")[2]
