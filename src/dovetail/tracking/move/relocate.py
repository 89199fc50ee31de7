"""What records say of places and ids, put in the words of the target.

Runs and logged models get their artifact URI at the other end; a version's source, which may name a
run, a logged model or a place below either, follows them.
"""

from dataclasses import dataclass

import msgspec

from dovetail.tracking.move.journal import EXPERIMENT, MODEL, RUN, Item, Journal
from dovetail.tracking.move.records import ModelRecord, RegisteredRecord, RunRecord, VersionRecord

__all__ = ["Relocator", "model_at", "run_at"]

_replace = msgspec.structs.replace


def run_at(record: RunRecord, uri: str, experiment: str) -> RunRecord:
    """Return a run with its artifacts at another place."""
    info = _replace(record.run.info, artifact_uri=uri, experiment_id=experiment)
    return RunRecord(_replace(record.run, info=info), record.deleted_time)


def model_at(record: ModelRecord, uri: str, experiment: str) -> ModelRecord:
    """Return a logged model with its files at another place."""
    info = _replace(record.model.info, artifact_uri=uri, experiment_id=experiment)
    return ModelRecord(_replace(record.model, info=info), record.is_deleted)


@dataclass
class Relocator:
    """Rewrites versions by what the journal knows of runs, models and experiments."""

    journal: Journal

    def __post_init__(self) -> None:
        self._experiments = [one for one in self.journal.items(EXPERIMENT) if one.placed]

    def registered(self, record: RegisteredRecord) -> RegisteredRecord:
        """Return a registered model as the target is to have it."""
        versions = tuple(self._version(one) for one in record.versions)
        return RegisteredRecord(record.model, versions)

    def _version(self, record: VersionRecord) -> VersionRecord:
        version = record.version
        if record.is_deleted:
            return record
        run = self._item(RUN, version.run_id)
        model = self._item(MODEL, version.model_id)
        owners = [one for one in (model, run) if one is not None]
        moved = _replace(
            version,
            source=self._uri(version.source or "", owners),
            run_id=run.target if run else version.run_id,
            model_id=model.target if model else version.model_id,
        )
        return VersionRecord(moved, self._uri(record.location, owners))

    def _item(self, kind: str, name: str | None) -> Item | None:
        return self.journal.find(kind, name) if name else None

    def _uri(self, uri: str, owners: list[Item]) -> str:
        for kind, prefix in ((MODEL, "models:/"), (RUN, "runs:/")):
            if uri.startswith(prefix):
                name, slash, rest = uri.removeprefix(prefix).partition("/")
                item = self._item(kind, name)
                return f"{prefix}{item.target}{slash}{rest}" if item else uri
        for one in owners:
            if _is_below(uri, one.source_uri):
                return one.target_uri + uri[len(one.source_uri.rstrip("/")) :]
        return self._in_experiment(uri)

    def _in_experiment(self, uri: str) -> str:
        """Follow a place below an experiment, if the run or model that it belongs to was moved."""
        for one in self._experiments:
            if not _is_below(uri, one.source_uri):
                continue
            parts = uri[len(one.source_uri.rstrip("/")) :].strip("/").split("/")
            of_model = parts[0] == "models" and len(parts) > 1
            item = self._item(MODEL, parts[1]) if of_model else self._item(RUN, parts[0])
            if item is not None and _is_below(uri, item.source_uri):
                return item.target_uri + uri[len(item.source_uri.rstrip("/")) :]
        return uri


def _is_below(uri: str, root: str) -> bool:
    root = root.rstrip("/")
    return bool(root) and (uri == root or uri.startswith(f"{root}/"))
