"""The table that is audited, read: labels as codes, predictions, who said what, the rest.

Where several people answered about each item, a row is an answer; they are folded to a row an item
here, with the label that most weight is behind.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit.encoding import Kinds, kinds_of
from dovetail.labels.combining import combine_votes
from dovetail.labels.votes import Codes, Floats, Votes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Columns", "Given", "read"]


@dataclass(frozen=True)
class Columns:
    """Which column holds what; empty where none does.

    Attributes:
        label: The label.
        predictions: Column of each class's out-of-sample probability, by class.
        annotator: Who labelled.
        item: What the label is about, where several people labelled the same.
        split: The split, such as train and test.
        gold: The right label where it is known, empty elsewhere.
        key: A whole number that names the row in what is found; its place in the file, if empty.
        ignore: Columns that say nothing about the item.
    """

    label: str
    predictions: dict[str, str]
    annotator: str = ""
    item: str = ""
    split: str = ""
    gold: str = ""
    key: str = ""
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """What a table gives.

    Attributes:
        rows: int[rows], where each row was in the file, or its key.
        names: The classes.
        label: int[rows], of these.
        features: The columns that describe the row.
        kinds: What they hold.
        shown: float[rows, classes], predictions, where the table has some.
        who: Who labelled each row, where it is told.
        part: The split of each row, where it is told.
        gold: int[rows], the right label, -1 where it is not known.
        votes: All answers, where several people labelled each row.
        people: Their names.
    """

    rows: Codes
    names: list[str]
    label: Codes
    features: "pl.DataFrame"
    kinds: Kinds
    shown: Floats | None
    who: list[str] | None
    part: list[str] | None
    gold: Codes
    votes: Votes | None = None
    people: tuple[str, ...] = ()


def read(table: "pl.DataFrame", columns: Columns) -> Given:
    """Read a table.

    Raises:
        InvalidInputError: there is no label, a label has no predictions, or these are no
            probabilities.
    """
    rows = np.flatnonzero(table[columns.label].is_not_null().to_numpy())
    table = table[rows]
    said = [str(x) for x in table[columns.label].to_list()]
    right = table[columns.gold].to_list() if columns.gold else []
    gold_names = {str(x) for x in right if x is not None and str(x)}
    names = list(columns.predictions) or sorted({*said, *gold_names})
    place = {name: code for code, name in enumerate(names)}
    lacking = next((x for x in (*said, *gold_names) if x not in place), None)
    if lacking is not None or not said:
        if not said:
            raise InvalidInputError("no row has a label", fix="check which column holds the labels")
        raise InvalidInputError(
            f"the label {lacking!r} has no column of predictions",
            fix="give a column for each class with --predictions",
        )
    if len(names) < 2:
        raise InvalidInputError(
            "there is nothing to audit", why=f"every row has the label {names[0]!r}"
        )
    if len(names) > max(len(said) // 2, 2):
        raise InvalidInputError(
            f"column {columns.label!r} holds no labels",
            why=f"it has {len(names)} different values in {len(said)} rows",
            fix="name the column of the label",
        )
    apart = {columns.label, columns.annotator, columns.item, columns.split, columns.gold}
    apart.add(columns.key)
    apart |= {*columns.predictions.values(), *columns.ignore}
    features = table.drop([name for name in apart if name])
    shown = [_numbers(table, columns.predictions[x]) for x in names] if columns.predictions else []
    given = Given(
        rows=table[columns.key].to_numpy() if columns.key else rows,
        names=names,
        label=np.array([place[x] for x in said]),
        features=features,
        kinds=kinds_of(features),
        shown=np.stack(shown, 1) if shown else None,
        who=_texts(table, columns.annotator),
        part=_texts(table, columns.split),
        gold=np.array([place.get(str(x), -1) for x in right] if right else [-1] * len(said)),
    )
    return _folded(given, table[columns.item].to_list()) if columns.item else given


def _folded(given: Given, items: list[object]) -> Given:
    """One row an item, with the label that the answers come to."""
    place: dict[object, int] = {}
    item = np.array([place.setdefault(x, len(place)) for x in items])
    people = list(dict.fromkeys(given.who or [str(n) for n in range(len(items))]))
    known = {name: code for code, name in enumerate(people)}
    source = np.array([known[x] for x in given.who] if given.who else np.arange(len(items)))
    votes = Votes(item, source, given.label, len(place), len(people), len(given.names))
    _, posterior = combine_votes(votes)
    _, first = np.unique(item, return_index=True)
    gold = np.full(len(place), -1)
    told = given.gold >= 0
    gold[item[told]] = given.gold[told]
    features = given.features[first]
    return replace(
        given,
        rows=given.rows[first],
        label=posterior.argmax(1),
        features=features,
        kinds=kinds_of(features),
        shown=None if given.shown is None else given.shown[first],
        who=None,
        part=[given.part[row] for row in first] if given.part else None,
        gold=gold,
        votes=votes,
        people=tuple(people) if given.who else (),
    )


def _texts(table: "pl.DataFrame", name: str) -> list[str] | None:
    return [str(x) for x in table[name].to_list()] if name else None


def _numbers(table: "pl.DataFrame", name: str) -> Floats:
    try:
        return table[name].to_numpy().astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"column {name!r} holds values that are no probabilities"
        ) from error
