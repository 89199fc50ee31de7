"""Which classes are taken for which: the table of a few classes, the commonest pairs of many."""

from collections.abc import Sequence

import msgspec
import numpy as np

from dovetail.wire.monitoring import Quality

__all__ = ["Confusions", "Pair", "Taken", "confusions"]

_WHOLE = 12
_PAIRS = 15


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one class that came true.

    Attributes:
        name: The class.
        counts: Rows by the class that was chosen.
        rows: Their sum.
        recall: The share that was chosen rightly; None without rows.
    """

    name: str
    counts: list[int]
    rows: int
    recall: float | None


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A class that is taken for another.

    Attributes:
        true: What came true.
        chosen: What was answered.
        rows: How often.
        share: Of the rows where that came true.
    """

    true: str
    chosen: str
    rows: int
    share: float


class Confusions(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes:
        classes: Those that came true or were chosen, in the order of the model.
        table: A line for each; empty where there are too many for a table.
        pairs: The mistakes, the commonest first; empty where the table shows them.
        wrong: Rows that were answered wrongly.
    """

    classes: list[str]
    table: list[Taken]
    pairs: list[Pair]
    wrong: int


def confusions(quality: Quality | None) -> Confusions | None:
    """Make it of the figures of a model of classes; None where there is nothing to show."""
    if quality is None or not quality.confusion:
        return None
    table = np.array(quality.confusion, dtype=np.int64)
    seen = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    table, names = table[np.ix_(seen, seen)], [quality.classes[k] for k in seen]
    is_whole = len(names) <= _WHOLE
    return Confusions(
        classes=names,
        table=_lines(table, names) if is_whole else [],
        pairs=[] if is_whole else _pairs(table, names),
        wrong=int(table.sum() - np.trace(table)),
    )


def _lines(table: np.ndarray, names: Sequence[str]) -> list[Taken]:
    return [
        Taken(
            name=name,
            counts=counts.tolist(),
            rows=int(counts.sum()),
            recall=float(counts[k] / counts.sum()) if counts.sum() else None,
        )
        for k, (name, counts) in enumerate(zip(names, table, strict=True))
    ]


def _pairs(table: np.ndarray, names: Sequence[str]) -> list[Pair]:
    wrong = table - np.diag(np.diag(table))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    cells = [divmod(int(at), len(names)) for at in order]
    return [
        Pair(
            true=names[true],
            chosen=names[chosen],
            rows=int(wrong[true, chosen]),
            share=float(wrong[true, chosen] / table[true].sum()),
        )
        for true, chosen in cells
        if wrong[true, chosen]
    ]
