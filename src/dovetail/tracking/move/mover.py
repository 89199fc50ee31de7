"""A move: every record of a source into a target, in batches that can be repeated.

Runs come first, then logged models and traces, which name runs, then the registry. A thing
is written to the journal once all of it is at the other end, with the checksums of what was sent;
what the journal has is passed over after an interruption.
"""

import hashlib
from collections.abc import Iterator, Sequence

from dovetail.base.errors import DovetailError
from dovetail.tracking.move import checksum, faults
from dovetail.tracking.move.checksum import Sum, Tally
from dovetail.tracking.move.files import Files, Unreadable
from dovetail.tracking.move.journal import (
    CLAIM,
    EXPERIMENT,
    MODEL,
    REGISTERED,
    RUN,
    TRACE,
    Item,
    Journal,
)
from dovetail.tracking.move.progress import Progress
from dovetail.tracking.move.records import (
    ModelRecord,
    Placed,
    RegisteredRecord,
    RunRecord,
    Source,
    Target,
    Terms,
)
from dovetail.tracking.move.relocate import Relocator, model_at, run_at
from dovetail.tracking.move.traces.moving import move_traces
from dovetail.tracking.move.tree import Tree
from dovetail.wire.http import Unreachable, WireError
from dovetail.wire.mlflow import Experiment

__all__ = ["ARTIFACTS", "BYTES", "Mover", "experiment_tally", "hashed"]

ARTIFACTS, BYTES, LISTING = "artifacts", "artifact bytes", "artifact listing"


class Mover:
    """One move.

    Args:
        source: what is read.
        target: what is written.
        journal: what is whole already.
        files: the source's artifacts; None leaves them where they are.
        progress: how far it has come.
    """

    def __init__(
        self,
        source: Source,
        target: Target,
        journal: Journal,
        files: Files | None,
        progress: Progress,
    ) -> None:
        self.source, self.target, self.journal = source, target, journal
        self.files, self.progress = files, progress

    def move(self) -> None:
        """Move everything that the journal does not have."""
        experiments = {one.experiment_id: one for one in self._sound_experiments()}
        placed = {number: self._place(one) for number, one in experiments.items()}
        for number, place in placed.items():
            done = self.journal.done(number, RUN)
            for batch in self.source.runs(number, done.__contains__):
                self._runs(number, place, batch)
        for number, place in placed.items():
            done = self.journal.done(number, MODEL)
            for model in self.source.models(number):
                if model.id not in done:
                    self._model(number, place, model)
        for number, place in placed.items():
            move_traces(self, number, place)
        self._registry()
        if not self.target.terms.ids:
            for number, place in placed.items():
                self._finish(experiments[number], place)

    def _sound_experiments(self) -> Iterator[Experiment]:
        for one in self.source.experiments():
            if why := faults.of_experiment(one):
                self.journal.write([self.refused(EXPERIMENT, one.experiment_id, "", why)])
            else:
                yield one

    def _place(self, experiment: Experiment) -> Placed:
        number = experiment.experiment_id
        before = self.journal.find(EXPERIMENT, number)
        placed = self.target.place(experiment, before.placed if before else None)
        item = Item(
            kind=EXPERIMENT,
            id=number,
            target=placed.id,
            sums=experiment_tally(experiment, placed, self.target.terms).sums(),
            source_uri=experiment.artifact_location or "",
            target_uri=placed.location,
            placed=placed,
            tags=tuple(tag.key for tag in experiment.tags),
        )
        self.journal.write([item])
        self.progress.add("experiments")
        return placed

    def _runs(self, experiment: str, placed: Placed, batch: Sequence[RunRecord]) -> None:
        skipped = [(one, faults.of_run(one)) for one in batch]
        sound = [one for one, fault in skipped if not fault]
        refused = [self.refused(RUN, one.id, experiment, why) for one, why in skipped if why]
        try:
            items = self._send_runs(experiment, placed, sound)
        except DovetailError as error:
            if len(sound) > 1:
                for one in sound:
                    self._runs(experiment, placed, [one])
                items = []
            else:
                items = [self.refused(RUN, one.id, experiment, str(error)) for one in sound]
        self.journal.write([*items, *refused])

    def refused(self, kind: str, name: str, experiment: str, why: str) -> Item:
        """Return what the journal says of a thing that is not moved."""
        label = {
            EXPERIMENT: "experiment",
            RUN: "run",
            MODEL: "logged model",
            REGISTERED: "registered model",
            TRACE: "trace",
        }[kind]
        skipped = (f"{label} {name}: {why}",)
        return Item(kind=kind, id=name, experiment=experiment, target="", skipped=skipped)

    def _send_runs(self, experiment: str, placed: Placed, batch: Sequence[RunRecord]) -> list[Item]:
        if not batch:
            return []
        known = self.journal.find_all(RUN, [one.id for one in batch])
        tallies = {one.id: checksum.of_run(one, self.target.terms) for one in batch}
        trees = {}
        for one in batch:
            hint = f"{experiment}/{one.id}/artifacts"
            trees[one.id] = self.tree(
                one.run.info.artifact_uri or "", hint, self.target.run_uri(placed, one.id)
            )
        sent = [run_at(one, trees[one.id].uri, placed.id) for one in batch]
        names = self.target.put_runs(placed, sent)
        for points in self.source.points(batch):
            checksum.count_points(tallies, points)
            named = points if self.target.terms.ids else [(names[p[0]], *p[1:]) for p in points]
            self.target.put_points(placed, named)
            self.progress.add("points", len(points))
        items = []
        for one in batch:
            name, tree = names[one.id], trees[one.id]
            if not self.target.terms.ids and tree.is_moved:
                tree.uri = self.target.run_uri(placed, name)
            self.copy(tree, tallies[one.id], known.get(one.id))
            items.append(self.item(RUN, one.id, experiment, name, tallies[one.id], tree))
            self.progress.add("runs")
        return items

    def item(
        self, kind: str, name: str, experiment: str, target: str, tally: Tally, tree: Tree
    ) -> Item:
        """Return what the journal says of a thing that is whole at the other end."""
        return Item(
            kind=kind,
            id=name,
            experiment=experiment,
            target=target,
            sums=tally.sums(),
            source_uri=tree.source_uri,
            target_uri=tree.uri,
            skipped=tuple(f"{kind} {name}: {why}" for why in tree.passed_over),
        )

    def tree(self, uri: str, hint: str, target_uri: str) -> Tree:
        """Look at the artifacts below a URI and decide where they are to lie."""
        tree = Tree(uri, target_uri)
        if self.files is None:
            tree.uri, tree.is_moved = uri or target_uri, False
            return tree
        try:
            for found in self.files.find(uri, hint):
                if isinstance(found, str):
                    tree.passed_over.append(found)
                else:
                    tree.files.append(found)
        except Unreadable as error:
            tree.passed_over.append(f"artifacts: {error}")
            tree.uri, tree.is_moved = uri or target_uri, False
        return tree

    def copy(self, tree: Tree, tally: Tally, before: Item | None) -> None:
        """Copy artifacts, but for those that an earlier pass copied."""
        if self.files is None or not tree.is_moved:
            return
        for file in tree.files:
            tally.add(LISTING, file.path, file.size)
        listed = tally.sums().get(LISTING)
        if before and _is_same(before, listed, tree.uri):
            _keep(tally, before.sums)
            return
        for file in tree.files:
            digest, size = hashlib.sha256(), [0]
            chunks = hashed(self.files.open(file), digest, size)
            try:
                self.target.put_file(tree.uri, file.path, chunks)
            except (DovetailError, OSError, WireError) as error:
                if isinstance(error, Unreachable):
                    raise
                tree.passed_over.append(f"artifact {file.path}: {error}")
                continue
            tally.add(ARTIFACTS, file.path, size[0], digest.hexdigest())
            tally.put(BYTES, size[0], 0)
            self.progress.add("files")

    def _model(self, experiment: str, placed: Placed, record: ModelRecord) -> None:
        if why := faults.of_model(record):
            self.journal.write([self.refused(MODEL, record.id, experiment, why)])
            return
        tally = checksum.of_model(record, self.target.terms)
        hint = f"{experiment}/models/{record.id}/artifacts"
        tree = self.tree(
            record.model.info.artifact_uri or "", hint, self.target.model_uri(placed, record.id)
        )
        try:
            name = self.target.put_model(placed, model_at(record, tree.uri, placed.id))
        except DovetailError as error:
            self.journal.write([self.refused(MODEL, record.id, experiment, str(error))])
            return
        if not self.target.terms.ids and tree.is_moved:
            tree.uri = self.target.model_uri(placed, name)
        self.copy(tree, tally, self.journal.find(MODEL, record.id))
        self.journal.write([self.item(MODEL, record.id, experiment, name, tally, tree)])
        self.progress.add("logged models")

    def _finish(self, experiment: Experiment, placed: Placed) -> None:
        """Let the target link runs to models and delete what is deleted, once all is there."""
        number = experiment.experiment_id
        for batch in self.source.runs(number, lambda _: False):
            self.target.finish_runs(placed, batch)
        for model in self.source.models(number):
            self.target.finish_model(model)
        self.target.finish_experiment(placed, experiment)

    def _registry(self) -> None:
        done = self.journal.done("", REGISTERED)
        relocator = Relocator(self.journal)
        for record in self.source.registry():
            if record.model.name not in done:
                self.journal.write([self._registered(record, relocator)])
                self.progress.add("registered models")

    def _registered(self, record: RegisteredRecord, relocator: Relocator) -> Item:
        name = record.model.name
        why = faults.of_registered(record)
        if not why and self.journal.find(CLAIM, name) is None:
            if self.target.has_registered(name):
                why = "the name is taken there by a model that did not come from this source"
            else:
                self.journal.write([Item(kind=CLAIM, id=name, target=name)])
        if why:
            return self.refused(REGISTERED, name, "", why)
        moved = relocator.registered(record)
        try:
            self.target.put_registered(moved)
        except DovetailError as error:
            return self.refused(REGISTERED, name, "", str(error))
        sums = checksum.of_registered(moved, self.target.terms).sums()
        return Item(kind=REGISTERED, id=name, target=name, sums=sums)


def _is_same(before: Item, listed: Sum | None, uri: str) -> bool:
    """Tell whether an earlier pass copied files of the same names and sizes to the same place."""
    return before.target_uri == uri and before.sums.get(LISTING) == listed


def _keep(tally: Tally, sums: dict[str, Sum]) -> None:
    for kind in (ARTIFACTS, BYTES):
        if one := sums.get(kind):
            tally.put(kind, one.count, int(one.checksum, 16))


def hashed(chunks: Iterator[bytes], digest: "hashlib._Hash", size: list[int]) -> Iterator[bytes]:
    """Pass bytes on, noting their hash and their number."""
    for chunk in chunks:
        digest.update(chunk)
        size[0] += len(chunk)
        yield chunk


def experiment_tally(experiment: Experiment, placed: Placed, terms: Terms) -> Tally:
    """Return the tally of an experiment; one that was joined keeps its own times."""
    kept = Terms(times=False) if placed.is_joined else terms
    return checksum.of_experiment(experiment, placed.name, kept)
