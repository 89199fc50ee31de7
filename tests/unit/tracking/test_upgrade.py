"""A store of an earlier version gets the tables and indexes that came later."""

import sqlalchemy as sa

from dovetail.base.sql import Database
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.rollup_schema import blocks, rollups
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.store.table_schema import INDEXES

NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE sql IS NOT NULL",
    "postgresql": "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE nspname = 'tracking'",
}


def names(database: Database) -> set[str]:
    return database.read(lambda c: set(c.scalars(sa.text(NAMES[database.dialect]))))


def test_an_older_store_gets_rollups_and_the_indexes_of_the_table(database_url: str) -> None:
    fresh = Database(database_url, metadata, name="tracking", migrations=MIGRATIONS)
    expected = names(fresh)
    before = next(i for i, step in enumerate(MIGRATIONS) if step.name == "rollups of metrics")

    def age(connection: sa.Connection) -> None:
        for index in INDEXES:
            connection.execute(sa.text(f"DROP INDEX IF EXISTS {index.name}"))
        for table in (rollups, blocks):
            table.drop(connection)
        connection.execute(sa.text("UPDATE schema_revisions SET revision = :r"), {"r": before})

    fresh.write(age)
    assert names(fresh) < expected
    fresh.close()
    upgraded = Database(database_url, metadata, name="tracking", migrations=MIGRATIONS)
    assert names(upgraded) == expected
    assert ("runs_table" in expected) is (upgraded.dialect == "sqlite")
    upgraded.close()
