"""What the server must still know after a restart: versions, where they came from, traffic.

The models' files lie beside it in `files`; the registry is not needed to start again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert, rows_of

__all__ = ["Store", "Version"]

metadata = sa.MetaData()
versions = sa.Table(
    "versions",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("uri", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("wanted", sa.Boolean, nullable=False),
    sa.Column("loaded_ms", sa.BigInteger, nullable=False),
)
traffic = sa.Table(
    "traffic",
    metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("weight", sa.Float, nullable=False),
)
follows = sa.Table(
    "follows",
    metadata,
    sa.Column("uri", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Version:
    """A version that was loaded once.

    Args:
        model: the model's name.
        version: the version.
        uri: where it was loaded from.
        digest: of its files.
        pinned: whether someone asked for this very version; else an alias brought it.
        wanted: whether it should be loaded; False once it was unloaded.
        loaded_ms: when it was last loaded, in milliseconds since 1970.
    """

    model: str
    version: str
    uri: str
    digest: str
    pinned: bool
    wanted: bool
    loaded_ms: int


class Store:
    """The tables of serving.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url, metadata, name="serving")

    def all_versions(self) -> list[Version]:
        """Return every version that was ever loaded and not forgotten."""
        statement = sa.select(versions).order_by(versions.c.model, versions.c.version)
        return [Version(**row) for row in self._database.read(lambda c: rows_of(c, statement))]

    def put_version(self, version: Version, weights: Mapping[str, float]) -> None:
        """Keep a version and its model's traffic together."""

        def put(connection: Connection) -> None:
            fields = vars(version)
            statement = insert(versions, self._database.dialect).values(**fields)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["model", "version"],
                    set_={k: v for k, v in fields.items() if k not in ("model", "version")},
                )
            )
            _put_weights(connection, version.model, weights)

        self._database.write(put)

    def all_weights(self) -> dict[str, dict[str, float]]:
        """Return the traffic of every model."""
        found: dict[str, dict[str, float]] = {}
        for row in self._database.read(lambda c: rows_of(c, sa.select(traffic))):
            found.setdefault(row["model"], {})[row["version"]] = row["weight"]
        return found

    def put_weights(self, model: str, weights: Mapping[str, float]) -> None:
        """Replace the traffic of a model."""
        self._database.write(lambda connection: _put_weights(connection, model, weights))

    def followed(self, uri: str) -> str:
        """Return the version that a followed alias last brought; empty if none."""
        statement = sa.select(follows.c.version).where(follows.c.uri == uri)
        return str(self._database.read(lambda c: c.execute(statement).scalar()) or "")

    def put_followed(self, uri: str, version: str) -> None:
        """Remember what an alias brought."""

        def put(connection: Connection) -> None:
            statement = insert(follows, self._database.dialect).values(uri=uri, version=version)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["uri"], set_={"version": version})
            )

        self._database.write(put)

    def close(self) -> None:
        """Finish waiting writes."""
        self._database.close()


def _put_weights(connection: Connection, model: str, weights: Mapping[str, float]) -> None:
    connection.execute(sa.delete(traffic).where(traffic.c.model == model))
    if weights:
        rows = [{"model": model, "version": v, "weight": w} for v, w in weights.items()]
        connection.execute(sa.insert(traffic), rows)
