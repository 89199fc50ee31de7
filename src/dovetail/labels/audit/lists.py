"""Labels of which an item has several: a column of lists, and one question for each class of it.

A list is one by its type, or a text that holds one: `["a", "b"]`, or `{"choices": ["a", "b"]}` as
Label Studio writes it into CSV files, which has a class that stands alone as it is.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.base.extras import require
from dovetail.labels.audit.reading import Columns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["lists_in", "questions"]

_HEAD = '{"choices":'
_NOT, _LABEL, _GOLD = "dovetail: not", "dovetail: label", "dovetail: gold"

Lists = list[list[str] | None]


def lists_in(values: "pl.Series") -> Lists | None:
    """The classes of each row, None where nobody said; None where the column holds no lists."""
    known = values.drop_nulls()
    if str(values.dtype).startswith(("List", "Array")):
        return [None if one is None else _texts(one) for one in values.to_list()]
    if str(values.dtype) != "String" or not len(known):
        return None
    texts = values.to_list()
    if not all(text.startswith("[") for text in known.to_list()) and not any(
        text.startswith(_HEAD) for text in known.to_list()
    ):
        return None
    found = [None if text is None else _parsed(text) for text in texts]
    return None if any(one is False for one in found) else found  # type: ignore[return-value]


def _parsed(text: str) -> list[str] | bool:
    """The classes that a text names; False where it is no list."""
    if not text.startswith(("[", _HEAD)):
        return [text]
    try:
        said = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    said = said["choices"] if isinstance(said, dict) else said
    if not isinstance(said, list) or any(isinstance(one, list | dict) for one in said):
        return False
    return _texts(said)


def _texts(said: list[Any]) -> list[str]:
    return list(dict.fromkeys(str(one) for one in said if one is not None))


def questions(
    table: "pl.DataFrame", columns: Columns, fewest: int, most: int
) -> Iterator[tuple[str, int, "pl.DataFrame | None", Columns]]:
    """One question for each class: does the item have it?

    Args:
        table: Its rows, with a column of lists.
        columns: Which column holds what.
        fewest: Rows with a class, and without, below which it is no question.
        most: Classes that are asked about; the most frequent ones are.

    Yields:
        The class, how many rows have it, the table with the labels "it" and "not it", None where
        these are too few; and which column holds what in that.

    Raises:
        InvalidInputError: there are no classes, or a class has no predictions.
    """
    polars = require("polars", extra="labels", feature="auditing labels")
    said = lists_in(table[columns.label]) or []
    right = lists_in(table[columns.gold]) if columns.gold else None
    if columns.gold and right is None:
        raise InvalidInputError(
            f"column {columns.gold!r} holds no lists, and {columns.label!r} does",
            fix="give the right labels as lists too",
        )
    count = Counter(name for one in said for name in one or [])
    if not count:
        raise InvalidInputError("no row has a label", fix="check which column holds the labels")
    lacking = next(
        (name for name in count if columns.predictions and name not in columns.predictions), ""
    )
    if lacking:
        raise InvalidInputError(
            f"the label {lacking!r} has no column of predictions",
            fix="give a column for each class with --predictions",
        )
    rest = [name for name in (columns.label, columns.gold) if name]
    rows = sum(one is not None for one in said)
    for name, many in count.most_common(most):
        if min(many, rows - many) < fewest:
            yield name, many, None, columns
            continue
        asked = table.drop(rest).with_columns(
            polars.Series(_LABEL, _sides(said, name), polars.String)
        )
        if right is not None:
            gold = polars.Series(_GOLD, _sides(right, name), polars.String)
            asked = asked.with_columns(gold)
        shown = _predictions(columns, name)
        if shown:
            asked = asked.with_columns((1 - polars.col(shown[name])).alias(_NOT))
        others = tuple(c for c in columns.predictions.values() if c not in shown.values())
        known = replace(
            columns, label=_LABEL, predictions=shown, gold=_GOLD if right is not None else "",
            ignore=(*(c for c in columns.ignore if c not in rest), *others),
        )  # fmt: skip
        yield name, many, asked, known


def _predictions(columns: Columns, name: str) -> dict[str, str]:
    given = columns.predictions.get(name)
    return {f"not {name}": _NOT, name: given} if given else {}


def _sides(said: Lists, name: str) -> list[str | None]:
    return [None if one is None else name if name in one else f"not {name}" for one in said]
