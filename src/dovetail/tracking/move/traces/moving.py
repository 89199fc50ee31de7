"""The traces of one experiment, on their way and looked at again at the end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dovetail.base.errors import DovetailError
from dovetail.tracking.move.journal import TRACE, Item
from dovetail.tracking.move.records import Placed
from dovetail.tracking.move.traces.records import TraceRecord, fault_of, tally_of
from dovetail.tracking.move.tree import Tree

if TYPE_CHECKING:
    from dovetail.tracking.move.mover import Mover

__all__ = ["move_traces"]


def move_traces(mover: "Mover", experiment: str, placed: Placed) -> None:
    """Move the traces of an experiment that the journal does not have.

    Args:
        mover: the move.
        experiment: the source's experiment.
        placed: where it lies in the target.
    """
    if mover.source.traces is None or mover.target.traces is None:
        return
    done = mover.journal.done(experiment, TRACE)
    for batch in mover.source.traces.traces(experiment, done.__contains__):
        _send(mover, experiment, placed, batch)


def _send(mover: "Mover", experiment: str, placed: Placed, batch: Sequence[TraceRecord]) -> None:
    faults = [(one, fault_of(one)) for one in batch]
    items = [mover.refused(TRACE, one.id, experiment, why) for one, why in faults if why]
    sound = [one for one, why in faults if not why]
    try:
        items += _put(mover, experiment, placed, sound)
    except DovetailError as error:
        if len(sound) > 1:
            for one in sound:
                _send(mover, experiment, placed, [one])
        else:
            items += [mover.refused(TRACE, one.id, experiment, str(error)) for one in sound]
    mover.journal.write(items)


def _put(
    mover: "Mover", experiment: str, placed: Placed, batch: Sequence[TraceRecord]
) -> list[Item]:
    writer = mover.target.traces
    assert writer is not None
    known = mover.journal.find_all(TRACE, [one.id for one in batch])
    trees = {}
    for one in batch:
        uri, hint = writer.uri(placed, one.id), f"{experiment}/traces/{one.id}/artifacts"
        here = one.location  # without one, all that there is lies in tables
        trees[one.id] = mover.tree(here, hint, uri) if here else Tree("", uri)
    writer.put(placed, [one.at(trees[one.id].uri) for one in batch])
    items = []
    for one in batch:
        tally, tree = tally_of(one), trees[one.id]
        mover.copy(tree, tally, known.get(one.id))
        items.append(mover.item(TRACE, one.id, experiment, one.id, tally, tree))
        mover.progress.add("traces")
    return items
