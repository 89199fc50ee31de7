"""The end of a move: the target is read back and compared with the sums of what was sent."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from dovetail.base.errors import DovetailError
from dovetail.tracking.move import checksum
from dovetail.tracking.move.checksum import Sum, Tally
from dovetail.tracking.move.files import File, Files
from dovetail.tracking.move.journal import EXPERIMENT, MODEL, REGISTERED, RUN, TRACE, Item, Journal
from dovetail.tracking.move.mover import ARTIFACTS, BYTES, LISTING, experiment_tally, hashed
from dovetail.tracking.move.progress import Progress
from dovetail.tracking.move.records import Placed, RunRecord, Skip, Source, Target
from dovetail.tracking.move.report import Part
from dovetail.tracking.move.traces.records import tally_of
from dovetail.wire.mlflow import Experiment

__all__ = ["Verifier"]


class Verifier:
    """Reads a target back.

    Args:
        target: what was written.
        journal: what was sent.
        progress: how far it has come.
    """

    def __init__(self, target: Target, journal: Journal, progress: Progress) -> None:
        self.target, self.journal, self.progress = target, journal, progress
        self.reader: Source = target.reader()
        self.files: Files = target.files()
        self.differences: list[str] = []
        self.skipped: list[str] = []
        self.notes: list[str] = []

    def parts(self) -> list[Part]:
        """Compare every experiment and the registry; what differs is noted by name."""
        there = {one.experiment_id: one for one in self.reader.experiments()}
        parts = []
        for item in self.journal.items(EXPERIMENT):
            self.skipped.extend(item.skipped)
            if item.placed is not None:
                parts.append(self._experiment(item, item.placed, there.get(item.target)))
        return [*parts, self._registry()]

    def _experiment(self, item: Item, placed: Placed, found: Experiment | None) -> Part:
        sent, read = Tally(), Tally()
        here = _tally_of(item, placed, found, self.target).sums() if found else {}
        self._compare(f"experiment {item.id}", item.id, item.sums, here, (sent, read))
        self._runs(item, (sent, read))
        self._models(item, (sent, read))
        self._traces(item, (sent, read))
        if placed.note:
            self.notes.append(f"experiment {item.id}: {placed.note}")
        return Part(
            source=item.id,
            target=item.target,
            name=placed.name,
            sent=sent.sums(),
            found=read.sums(),
        )

    def _compare(
        self,
        what: str,
        name: str,
        sent: Mapping[str, Sum],
        found: Mapping[str, Sum],
        sums: tuple[Tally, Tally],
    ) -> None:
        wanted = {kind: one for kind, one in sent.items() if kind != LISTING}
        sums[0].fold(name, wanted)
        sums[1].fold(name, dict(found))
        for kind in sorted({*wanted, *found}):
            left, right = wanted.get(kind), found.get(kind)
            if left != right:
                counts = [one.count if one else 0 for one in (left, right)]
                told = f"{counts[0]} read, {counts[1]} there"
                if counts[0] == counts[1]:
                    told = f"{counts[0]} at both ends, but not the same"
                self.differences.append(f"{what}: {kind}: {told}")

    def _runs(self, experiment: Item, sums: tuple[Tally, Tally]) -> None:
        wanted = self.journal.done(experiment.id, RUN)
        for batch in self.reader.runs(experiment.target, _all_but(wanted)):
            items = self.journal.find_all(RUN, [one.id for one in batch])
            tallies = self._run_tallies(batch, items)
            for one in batch:
                found = tallies[one.id].sums()
                self._compare(f"run {one.id}", one.id, items[one.id].sums, found, sums)
                self.skipped.extend(items[one.id].skipped)
                self.progress.add("runs")
            wanted -= set(items)
        self._missing(RUN, wanted, sums)

    def _run_tallies(self, batch: list[RunRecord], items: Mapping[str, Item]) -> dict[str, Tally]:
        tallies = {one.id: checksum.of_run(one, self.target.terms) for one in batch}
        for points in self.reader.points(batch):
            checksum.count_points(tallies, points)
            self.progress.add("points", len(points))
        for one in batch:
            self._count_files(items[one.id], tallies[one.id])
        return tallies

    def _missing(self, kind: str, names: Iterable[str], sums: tuple[Tally, Tally]) -> None:
        """Note what the journal has and the target has not, be it skipped or gone since."""
        for name, item in self.journal.find_all(kind, sorted(names)).items():
            if item.skipped and not item.target:
                self.skipped.extend(item.skipped)
            else:
                self._compare(f"{kind} {name}", name, item.sums, {}, sums)

    def _count_files(self, item: Item, tally: Tally) -> None:
        if ARTIFACTS not in item.sums:
            return
        for file in _only_files(self.files, item.target_uri):
            digest, size = hashlib.sha256(), [0]
            for _ in hashed(self.files.open(file), digest, size):
                pass
            tally.add(ARTIFACTS, file.path, size[0], digest.hexdigest())
            tally.put(BYTES, size[0], 0)
            self.progress.add("files")

    def _models(self, experiment: Item, sums: tuple[Tally, Tally]) -> None:
        wanted = self.journal.done(experiment.id, MODEL)
        for record in self.reader.models(experiment.target):
            if record.id not in wanted:
                continue
            item = self.journal.find_all(MODEL, [record.id])[record.id]
            tally = checksum.of_model(record, self.target.terms)
            self._count_files(item, tally)
            self._compare(f"model {record.id}", record.id, item.sums, tally.sums(), sums)
            self.skipped.extend(item.skipped)
            wanted.discard(record.id)
        self._missing(MODEL, wanted, sums)

    def _traces(self, experiment: Item, sums: tuple[Tally, Tally]) -> None:
        wanted = self.journal.done(experiment.id, TRACE)
        if wanted and self.reader.traces is not None:
            for batch in self.reader.traces.traces(experiment.target, _all_but(wanted)):
                items = self.journal.find_all(TRACE, [one.id for one in batch])
                for record in batch:
                    item, tally = items[record.id], tally_of(record)
                    self._count_files(item, tally)
                    found = tally.sums()
                    self._compare(f"trace {record.id}", record.id, item.sums, found, sums)
                    self.skipped.extend(item.skipped)
                    self.progress.add("traces")
                wanted -= set(items)
        self._missing(TRACE, wanted, sums)

    def _registry(self) -> Part:
        sent, read = Tally(), Tally()
        wanted = self.journal.done("", REGISTERED)
        items = self.journal.find_all(REGISTERED, sorted(wanted))
        for record in self.reader.registry():
            name = record.model.name
            if name in wanted and items[name].target:
                found = checksum.of_registered(record, self.target.terms).sums()
                what = f"registered model {name}"
                self._compare(what, name, items[name].sums, found, (sent, read))
                wanted.discard(name)
        self._missing(REGISTERED, wanted, (sent, read))
        return Part(
            source="registry", target="registry", name="", sent=sent.sums(), found=read.sums()
        )


def _all_but(wanted: set[str]) -> Skip:
    """Return the test that passes over everything that was not sent."""
    sent = frozenset(wanted)
    return lambda run: run not in sent


def _only_files(files: Files, uri: str) -> Iterator[File]:
    try:
        yield from (found for found in files.find(uri, "") if isinstance(found, File))
    except DovetailError:
        return


def _tally_of(item: Item, placed: Placed, found: Experiment, target: Target) -> Tally:
    """Count what the target has of an experiment, without what others have added to it."""
    tags = tuple(tag for tag in found.tags if not placed.is_joined or tag.key in item.tags)
    mine = Experiment(
        experiment_id=found.experiment_id,
        name=found.name,
        lifecycle_stage=found.lifecycle_stage,
        creation_time=found.creation_time,
        last_update_time=found.last_update_time,
        tags=tags,
    )
    return experiment_tally(mine, placed, target.terms)
