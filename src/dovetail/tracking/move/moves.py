"""The two use cases: bring a store of MLflow in, and give ours out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from dovetail.tracking.move import checksum
from dovetail.tracking.move.checksum import Tally
from dovetail.tracking.move.ends import label_of, open_source, open_target, our_store
from dovetail.tracking.move.files import File, Files, StoreFiles, Unreadable
from dovetail.tracking.move.journal import Journal
from dovetail.tracking.move.mover import ARTIFACTS, BYTES, Mover
from dovetail.tracking.move.own_source import OwnSource
from dovetail.tracking.move.own_target import OwnTarget
from dovetail.tracking.move.progress import Progress
from dovetail.tracking.move.records import Source, Target, Terms
from dovetail.tracking.move.report import ORDER, Report
from dovetail.tracking.move.traces.records import tally_of
from dovetail.tracking.move.verify import Verifier
from dovetail.web.commands import print_json, print_table

__all__ = ["bring", "give", "preview", "preview_export"]


def bring(
    source: str,
    *,
    config: Path | None = None,
    state: str | None = None,
    db: str | None = None,
    artifacts: str | None = None,
    roots: Sequence[str] = (),
    no_artifacts: bool = False,
    token: str | None = None,
) -> Report:
    """Import a store of MLflow into our own.

    Args:
        source: address of a server, a database or an `mlruns` folder.
        config: settings file of our server.
        state: state folder of our server.
        db: database URL of our server.
        artifacts: artifact folder of our server.
        roots: folders or URLs in which the source's artifacts may be read.
        no_artifacts: leave artifacts where they are.
        token: bearer token of a server.
    """
    origin, files = open_source(source, roots, token)
    own = {"database": db, "artifacts": artifacts}
    try:
        with our_store(config, state, own) as (database, backend, label):
            target = OwnTarget(database, backend.artifacts, backend.root, label)
            journal = Journal(database, "import", label_of(source))
            leave = no_artifacts or not backend.serves_artifacts
            return _move("import", origin, target, journal, None if leave else files)
    finally:
        origin.close()


def give(
    target: str,
    *,
    config: Path | None = None,
    state: str | None = None,
    db: str | None = None,
    artifacts: str | None = None,
    target_artifacts: str | None = None,
    no_artifacts: bool = False,
    token: str | None = None,
) -> Report:
    """Export our own store into MLflow's.

    Args:
        target: address of a server or a database.
        config: settings file of our server.
        state: state folder of our server.
        db: database URL of our server.
        artifacts: artifact folder of our server.
        target_artifacts: artifact folder of the MLflow server.
        no_artifacts: leave artifacts where they are.
        token: bearer token of a server.
    """
    own = {"database": db, "artifacts": artifacts}
    with our_store(config, state, own) as (database, backend, label):
        journal = Journal(database, "export", label_of(target))
        end = open_target(target, target_artifacts, token, journal)
        try:
            files = None if no_artifacts else StoreFiles(backend.artifacts)
            return _move("export", OwnSource(database, label), end, journal, files)
        finally:
            end.close()


def _move(
    direction: str, source: Source, target: Target, journal: Journal, files: Files | None
) -> Report:
    progress = Progress("moved")
    try:
        Mover(source, target, journal, files, progress).move()
    finally:
        progress.end()
    progress = Progress("checked")
    check = Verifier(target, journal, progress)
    parts = tuple(check.parts())
    progress.end()
    left_out = tuple(f"{what}: {why}" for what, why in source.left_out().items())
    skipped = (*check.skipped, *left_out)
    journal.finish()
    return Report(
        direction=direction,
        source=source.label,
        target=target.label,
        equal=not check.differences and not skipped,
        resumed=journal.is_resumed,
        parts=parts,
        differences=tuple(check.differences),
        skipped=skipped,
        notes=tuple(check.notes),
        lost=target.terms.lost,
    )


def preview(
    source: str, roots: Sequence[str], token: str | None, with_files: bool, as_json: bool
) -> None:
    """Count what an import would bring, by reading all of it, and print that."""
    origin, files = open_source(source, roots, token)
    try:
        _preview(origin, files if with_files else None, as_json)
    finally:
        origin.close()


def preview_export(
    config: Path | None,
    state: str | None,
    own: Mapping[str, str | None],
    with_files: bool,
    as_json: bool,
) -> None:
    """Count what an export would take along, by reading all of it, and print that."""
    with our_store(config, state, own) as (database, backend, label):
        files = StoreFiles(backend.artifacts) if with_files else None
        _preview(OwnSource(database, label), files, as_json)


def _preview(origin: Source, files: Files | None, as_json: bool) -> None:
    progress = Progress("read")
    try:
        counts, skipped = _count(origin, files, progress)
    finally:
        progress.end()
    skipped += [f"{what}: {why}" for what, why in origin.left_out().items()]
    if as_json:
        print_json({"source": origin.label, "would_move": counts, "skipped": skipped})
        return
    print_table(("", "would move"), list(counts.items()), title=origin.label)
    for text in skipped:
        print(f"Would not move: {text}")


def _count(
    origin: Source, files: Files | None, progress: Progress
) -> tuple[Mapping[str, int], list[str]]:
    count = _Count(files)
    for experiment in origin.experiments():
        number = experiment.experiment_id
        count.tally(checksum.of_experiment(experiment, experiment.name, Terms()))
        for batch in origin.runs(number, lambda _: False):
            for one in batch:
                count.tally(checksum.of_run(one, Terms()))
                count.look(one.run.info.artifact_uri, f"{number}/{one.id}/artifacts")
            for points in origin.points(batch):
                count.counts["metrics"] += len(points)
                progress.add("points", len(points))
        for model in origin.models(number):
            count.tally(checksum.of_model(model, Terms()))
            count.look(model.model.info.artifact_uri, f"{number}/models/{model.id}/artifacts")
        for traces in origin.traces.traces(number, lambda _: False) if origin.traces else ():
            for trace in traces:
                count.tally(tally_of(trace))
                count.look(trace.location, f"{number}/traces/{trace.id}/artifacts")
    for record in origin.registry():
        count.tally(checksum.of_registered(record, Terms()))
    return {kind: count.counts[kind] for kind in ORDER if kind in count.counts}, count.skipped


class _Count:
    """What a preview has seen."""

    def __init__(self, files: Files | None) -> None:
        self.counts: Counter[str] = Counter()
        self.skipped: list[str] = []
        self._files = files

    def tally(self, tally: Tally) -> None:
        self.counts.update({kind: one.count for kind, one in tally.sums().items()})

    def look(self, uri: str | None, hint: str) -> None:
        if self._files is None:
            return
        try:
            for found in self._files.find(uri or "", hint):
                if isinstance(found, File):
                    self.counts.update({ARTIFACTS: 1, BYTES: found.size})
                else:
                    self.skipped.append(found)
        except Unreadable as error:
            self.skipped.append(f"{hint}: {error}")
