"""Where graphs are kept."""

from dataclasses import dataclass

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import insert, rows_of
from dovetail.serving.graphs.document import Graph
from dovetail.serving.schema import graphs
from dovetail.serving.store import Store

__all__ = ["GraphStore", "Kept"]


@dataclass(frozen=True)
class Kept:
    """A graph as it is kept.

    Args:
        name: of the graph.
        revision: how often it was put.
        at_ms: when, in milliseconds since 1970.
        actor: by whom.
        graph: what it is.
    """

    name: str
    revision: int
    at_ms: int
    actor: str
    graph: Graph


class GraphStore:
    """The graphs of a server.

    Args:
        store: of the server.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def generation(self) -> int:
        """Return a number that grows with every change."""
        return self._store.generation()

    def all(self) -> list[Kept]:
        """Return every graph, by name."""
        statement = sa.select(graphs).order_by(graphs.c.name)
        rows = self._store.database.read(lambda c: rows_of(c, statement))
        return [Kept(**{**row, "graph": _read(row["graph"])}) for row in rows]

    def put(self, name: str, graph: Graph, at_ms: int, actor: str) -> Kept:
        """Keep a graph as its next revision."""
        text = msgspec.json.encode(graph).decode()

        def write(connection: Connection) -> int:
            known = sa.select(graphs.c.revision).where(graphs.c.name == name)
            revision = int(connection.execute(known).scalar() or 0) + 1
            values = {"revision": revision, "at_ms": at_ms, "actor": actor, "graph": text}
            statement = insert(graphs, self._store.database.dialect).values(name=name, **values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_=values)
            )
            return revision

        return Kept(name, self._store.change(write), at_ms, actor, graph)

    def delete(self, name: str) -> None:
        """Forget a graph."""
        statement = sa.delete(graphs).where(graphs.c.name == name)
        self._store.change(lambda connection: connection.execute(statement))


def _read(text: str) -> Graph:
    return msgspec.json.decode(text, type=Graph)
