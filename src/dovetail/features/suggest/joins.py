"""Which columns of a table name the same things as columns of the questions.

Names are a hint and values are the proof: a column joins where the values that questions ask
about are found in it. Two columns of one name need fewer common values than two strangers.
"""

from typing import TYPE_CHECKING

from dovetail.features.suggest.tables import Table
from dovetail.features.suggest.task import Task

if TYPE_CHECKING:
    import polars as pl

SHARE_OF_NAMESAKES = 0.2
SHARE_OF_STRANGERS = 0.9
FEWEST_VALUES = 3
"""Fewer distinct values than this fit any column by chance."""


def joined(task: Task, table: Table) -> dict[str, str]:
    """Return the keys of the questions that a table has, each with its column there."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for key in (*task.keys, *_unrepeated(task)):
        shares = {
            column: share
            for column in (*table.categories, *table.numbers)
            if column not in taken
            and (share := _share(task.table.frame[key], table.frame[column])) is not None
            and share >= (SHARE_OF_NAMESAKES if column == key else SHARE_OF_STRANGERS)
        }
        if shares:
            best = max(shares, key=lambda c: (c == key, shares[c]))
            if best == key or _is_telling(task, table, key, best):
                found[key] = best
                taken.add(best)
    return found


def _unrepeated(task: Task) -> list[str]:
    """Return given columns of text that hardly repeat: keys of other tables, not of the past."""
    return [c for c in task.given if c in task.table.categories and c not in task.keys]


def _share(asked: "pl.Series", held: "pl.Series") -> float | None:
    """Return the share of the questions whose value a column holds; None for unlike types."""
    import polars as pl

    texts = (pl.String, pl.Categorical, pl.Enum)
    alike = (asked.dtype in texts and held.dtype in texts) or (
        asked.dtype.is_integer() and held.dtype.is_integer()
    )
    if not alike or held.n_unique() < 2:
        return None
    if asked.dtype in texts:
        asked, held = asked.cast(pl.String), held.cast(pl.String)
    present = asked.drop_nulls()
    return float(present.is_in(held.unique().implode()).mean() or 0.0)  # type: ignore[arg-type]


def _is_telling(task: Task, table: Table, key: str, column: str) -> bool:
    """Say whether strangers agree by more than chance: on texts, of which there are several."""
    return column in table.categories and task.table.frame[key].n_unique() >= FEWEST_VALUES
