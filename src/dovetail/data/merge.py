"""Replacing rows by key in a Delta table.

delta-rs does not try a merge again that lost against another writer; `table` does, on the
newest version, so that no update is lost.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dovetail.base.errors import InvalidInputError

if TYPE_CHECKING:
    import polars as pl


def check_keys(table: str, rows: "pl.DataFrame", keys: Sequence[str]) -> None:
    """Refuse rows that cannot be told apart by their keys.

    Raises:
        InvalidInputError: A key column is missing, a key is null or occurs twice.
    """
    missing = [key for key in keys if key not in rows.columns]
    if missing or not keys:
        raise InvalidInputError(f"The rows for table {table!r} lack the key columns {missing}")
    if sum(rows[key].null_count() for key in keys):
        raise InvalidInputError(f"The rows for table {table!r} have a null in {list(keys)}")
    if rows.select(keys).n_unique() < rows.height:
        raise InvalidInputError(
            f"The rows for table {table!r} have a key twice", fix="Send each key once"
        )


def merge(held: Any, rows: "pl.DataFrame", keys: Sequence[str], properties: Any) -> None:
    """Replace the rows whose keys are there and add the others."""
    same = " AND ".join(f't."{key}" = s."{key}"' for key in keys)
    (
        held.merge(rows, same, source_alias="s", target_alias="t", commit_properties=properties)
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )
