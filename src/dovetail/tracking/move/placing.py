"""Which number and name an experiment gets in a store that may already hold others.

An experiment keeps its number where that is free. One of the same name and state is joined: that is
how "Default" of two stores becomes one. Nothing that was there before is changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from dovetail.tracking.move.records import Placed
from dovetail.wire.mlflow import Experiment

__all__ = ["Choice", "choose"]


@dataclass(frozen=True)
class Choice:
    """What is to become of an experiment.

    Attributes:
        id: its number; None for the next free one.
        name: its name.
        is_new: whether it is to be made.
        is_own: whether an earlier pass of the same move made it.
        note: what a person should know.
    """

    id: str | None
    name: str
    is_new: bool = False
    is_own: bool = False
    note: str = ""


def choose(
    experiment: Experiment, known: Placed | None, taken: Iterable[tuple[str, str, str]]
) -> Choice:
    """Decide where an experiment goes.

    Args:
        experiment: as the source has it.
        known: where an earlier pass put it.
        taken: number, name and state of the experiments that are there.
    """
    by_id = {number: (name, stage) for number, name, stage in taken}
    by_name = {name: number for number, (name, _) in by_id.items()}
    wanted, name = experiment.experiment_id, experiment.name
    if known is not None and known.id in by_id:
        if known.is_joined:
            return Choice(known.id, by_id[known.id][0], note=known.note)
        free = by_name.get(name, known.id) == known.id
        return Choice(known.id, name if free else by_id[known.id][0], is_own=True, note=known.note)
    if name in by_name and by_id[by_name[name]][1] == experiment.lifecycle_stage:
        there = by_name[name]
        return Choice(there, name, note="" if there == wanted else _joined(wanted, name, there))
    note = ""
    if name in by_name:
        name, note = _free(name, by_name), f"the name {name!r} was taken"
    if wanted in by_id:
        note = f"{note}, " if note else ""
        return Choice(None, name, is_new=True, note=f"{note}the number {wanted} was taken")
    return Choice(wanted, name, is_new=True, note=note)


def _joined(wanted: str, name: str, there: str) -> str:
    return f"it was joined to {there}, which has the name {name!r}"


def _free(name: str, by_name: dict[str, str]) -> str:
    count = 2
    while f"{name} ({count})" in by_name:
        count += 1
    return f"{name} ({count})"
