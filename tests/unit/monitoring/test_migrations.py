"""A store of an earlier version opens, and what it holds is there."""

import pytest
import sqlalchemy as sa

from dovetail.base.migrations import Migration
from dovetail.base.sql import Database
from dovetail.monitoring import intake, tables
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.store import Store

NOW = 1_700_000_000_000


def opened(url: str, migrations: tuple[Migration, ...] = MIGRATIONS) -> Database:
    return Database(url, tables.metadata, name="monitoring", migrations=migrations)


def made_before_classes(url: str) -> None:
    """Take a store back to the revision before models of several classes."""
    database = opened(url, MIGRATIONS[:2])
    for statement in (
        "ALTER TABLE inferences DROP COLUMN shares",
        "ALTER TABLE inferences DROP COLUMN names",
        "ALTER TABLE outcomes DROP COLUMN texts",
        "INSERT INTO events (key, arrived_ms) VALUES ('an event of each side was noted', 0)",
        "INSERT INTO inferences (request_id, model, role, version, time_ms, day, rows, asked_rows,"
        " scores) VALUES ('old', 'flights', 'live', '1', 1364796000000, '2013-04-01', 1, 0,"
        f" {_blob(url)})",
        "INSERT INTO days (model, day, revision, arrived_ms)"
        " VALUES ('flights', '2013-04-01', 1, 0)",
    ):
        database.write(lambda c, said=statement: c.execute(sa.text(said)))
    database.close()


def _blob(url: str) -> str:
    half = "000000000000e03f"  # 0.5
    return f"'\\x{half}'::bytea" if url.startswith("postgres") else f"X'{half}'"


def test_a_store_from_before_several_classes_goes_on(database_url, log):
    made_before_classes(database_url)
    database = opened(database_url)
    store = Store(database)
    again, new = log.response("old", [0.9]), log.response("new", [0.7])
    asked = log.outcomes("o", {("old", 0): 1.0})
    assert store.add(intake.read([again, new, asked], NOW), NOW).accepted == 2
    (part,) = store.day("flights", "2013-04-01")
    assert sorted(part.scores.tolist()) == [0.5, 0.7]
    assert part.outcomes == 1
    database.close()


def test_a_store_made_anew_is_at_the_newest_revision(tmp_path):
    url = f"sqlite:///{tmp_path}/m.db"
    opened(url).close()
    with pytest.raises(Exception, match="this version knows 1"):
        opened(url, MIGRATIONS[:1])
