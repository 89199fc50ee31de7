"""What PostgreSQL knows of its tables, learnt where many rows came.

It finds out by itself within minutes. Until then it takes a full project for an empty one, and
sorts all its tasks to find the next; and people begin right after an import.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

__all__ = ["learn"]

_MANY = 1000
_SHARE = 10
"""Of a table a tenth has to be new, or what is known of it holds well enough."""
# What rows are found by; a sample of their texts would be sorted for nothing.
_COLUMNS = {
    "tasks": "id, project_id, is_labeled, predictions_score",
    "annotations": "id, project_id, task_id, completed_by",
    "predictions": "id, project_id, task_id, model_version",
}
_KNOWN = sa.text(
    "SELECT relname, reltuples FROM pg_class WHERE relname IN ('tasks', 'annotations',"
    " 'predictions') AND relnamespace = current_schema()::regnamespace"
)


def learn(c: Connection, came: Mapping[str, int]) -> None:
    """Have PostgreSQL look at tables anew where many rows came.

    Args:
        c: a connection that no transaction is begun on.
        came: how many new rows are in which table.
    """
    many = {name: count for name, count in came.items() if count >= _MANY}
    if not many or c.dialect.name != "postgresql":
        return
    for name, known in c.execute(_KNOWN).all():
        if many.get(name, 0) * _SHARE > known:
            c.exec_driver_sql(f"ANALYZE {name} ({_COLUMNS[name]})")
