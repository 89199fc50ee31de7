"""What the server must still know after a restart: versions, where they came from, their rules.

The models' files lie beside it in `files`; the registry is not needed to start again. Each change
raises a number, the generation, by which the other workers of a server notice it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert, rows_of
from dovetail.serving.routing.document import Routing, State
from dovetail.serving.schema import (
    MIGRATIONS,
    failures,
    follows,
    generations,
    metadata,
    routings,
    versions,
)

__all__ = ["Store", "Version"]

T = TypeVar("T")
_ALL = "serving"


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

    Attributes:
        on_change: called after each change; must not wait.
    """

    def __init__(self, url: str) -> None:
        self.on_change: Callable[[], None] = _nobody
        self.database = Database(url, metadata, name="serving", migrations=MIGRATIONS)

    def generation(self) -> int:
        """Return a number that grows with every change of versions, rules or graphs."""
        statement = sa.select(generations.c.number).where(generations.c.name == _ALL)
        return int(self.database.read(lambda c: c.execute(statement).scalar()) or 0)

    def change(self, fn: Callable[[Connection], T]) -> T:
        """Run a change in a transaction that also raises the generation."""

        def run(connection: Connection) -> T:
            statement = insert(generations, self.database.dialect).values(name=_ALL, number=1)
            raised = statement.on_conflict_do_update(
                index_elements=["name"], set_={"number": generations.c.number + 1}
            )
            connection.execute(raised)
            return fn(connection)

        done = self.database.write(run)
        self.on_change()
        return done

    # Versions

    def all_versions(self) -> list[Version]:
        """Return every version that was ever loaded and not forgotten."""
        statement = sa.select(versions).order_by(versions.c.model, versions.c.version)
        return [Version(**row) for row in self.database.read(lambda c: rows_of(c, statement))]

    def put_versions(self, changed: list[Version], state: State | None = None) -> State | None:
        """Keep versions, and together with them what routing becomes.

        Returns:
            The state as kept, with its id.
        """

        def put(connection: Connection) -> State | None:
            for version in changed:
                fields = vars(version)
                statement = insert(versions, self.database.dialect).values(**fields)
                kept = {k: v for k, v in fields.items() if k not in ("model", "version")}
                connection.execute(
                    statement.on_conflict_do_update(index_elements=["model", "version"], set_=kept)
                )
            return _put_state(connection, state) if state is not None else None

        return self.change(put)

    def failures(self) -> dict[tuple[str, str], str]:
        """Return why versions are not served, by model and version."""
        rows = self.database.read(lambda c: rows_of(c, sa.select(failures)))
        return {(row["model"], row["version"]): row["why"] for row in rows}

    def put_failure(self, model: str, version: str, why: str) -> None:
        """Keep why a version is not served; empty forgets it."""

        def put(connection: Connection) -> None:
            key = (failures.c.model == model) & (failures.c.version == version)
            connection.execute(sa.delete(failures).where(key))
            if why:
                row = {"model": model, "version": version, "why": why}
                connection.execute(sa.insert(failures).values(**row))

        self.change(put)

    def forget_failures(self) -> None:
        """Forget why versions are not served; all of them are tried again."""
        if self.failures():
            self.change(lambda connection: connection.execute(sa.delete(failures)))

    # Routing

    def states(self) -> dict[str, State]:
        """Return what is in force, by model."""
        newest = sa.select(sa.func.max(routings.c.id)).group_by(routings.c.model)
        statement = sa.select(routings).where(routings.c.id.in_(newest))
        rows = self.database.read(lambda c: rows_of(c, statement))
        return {row["model"]: _state(row) for row in rows}

    def put_state(self, state: State) -> State:
        """Put a rule in force, and return it with its id."""
        return self.change(lambda connection: _put_state(connection, state))

    def history(self, model: str, most: int) -> list[State]:
        """Return what was in force for a model, newest first."""
        statement = (
            sa.select(routings)
            .where(routings.c.model == model)
            .order_by(routings.c.id.desc())
            .limit(most)
        )
        return [_state(row) for row in self.database.read(lambda c: rows_of(c, statement))]

    def state(self, model: str, id: int) -> State | None:
        """Return one entry of a model's history."""
        statement = sa.select(routings).where(routings.c.model == model, routings.c.id == id)
        rows = self.database.read(lambda c: rows_of(c, statement))
        return _state(rows[0]) if rows else None

    # Followed aliases

    def followed(self, uri: str) -> str:
        """Return the version that a followed alias last brought; empty if none."""
        statement = sa.select(follows.c.version).where(follows.c.uri == uri)
        return str(self.database.read(lambda c: c.execute(statement).scalar()) or "")

    def put_followed(self, uri: str, version: str) -> None:
        """Remember what an alias brought."""

        def put(connection: Connection) -> None:
            statement = insert(follows, self.database.dialect).values(uri=uri, version=version)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["uri"], set_={"version": version})
            )

        self.database.write(put)

    def close(self) -> None:
        """Finish waiting writes."""
        self.database.close()


def _put_state(connection: Connection, state: State) -> State:
    values = {
        "model": state.model,
        "at_ms": state.at_ms,
        "actor": state.actor,
        "cause": state.cause,
        "before": state.before,
        "routing": msgspec.json.encode(state.routing).decode(),
        "aliases": msgspec.json.encode(state.aliases).decode(),
    }
    done = connection.execute(sa.insert(routings).values(**values))
    key = done.inserted_primary_key
    return msgspec.structs.replace(state, id=int(key[0]) if key else 0)


def _state(row: dict[str, object]) -> State:
    return State(
        id=int(str(row["id"])),
        model=str(row["model"]),
        at_ms=int(str(row["at_ms"])),
        actor=str(row["actor"]),
        cause=str(row["cause"]),
        before=None if row["before"] is None else int(str(row["before"])),
        routing=msgspec.json.decode(str(row["routing"]), type=Routing),
        aliases=msgspec.json.decode(str(row["aliases"]), type=dict[str, str]),
    )


def _nobody() -> None:
    """There is nobody to tell."""
