"""Sizes of experiments, and free space that is given back."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from dovetail.base.errors import ConflictError
from dovetail.base.sql import Database
from dovetail.tracking.store.overview import experiments_with_runs
from dovetail.tracking.store.schema import metrics
from dovetail.tracking.tidy import Keeper
from dovetail.tracking.tidy.sizes import Sizes
from dovetail.tracking.tidy.space import compact, measure_space
from dovetail.wire.tidy import TidyRequest


@pytest.fixture
def measured(store) -> Sizes:
    return Sizes(store.database, store.tidy.places, store.backend.now)


def test_an_experiment_is_measured_with_its_rows_and_files(store, measured) -> None:
    number = store.experiment("flights")
    run = store.run(number, points=100)
    store.model(run, number)
    assert {(one.name, one.measured) for one in measured.known()} == {
        ("Default", None),
        ("flights", None),
    }
    measured.measure(lambda: False)
    flights, default = measured.known()
    listed = store.database.read(experiments_with_runs)
    assert {row.name: (row.database, row.bytes) for row in listed} == {
        one.name: (one.database, one.bytes) for one in (flights, default)
    }
    assert (flights.id, flights.runs, flights.models, flights.points) == (number, 1, 1, 100)
    assert (flights.files, flights.bytes) == (2, 12)
    assert flights.rows > 100
    assert 2000 < flights.database < 20_000
    assert flights.measured == store.backend.now()
    assert (default.runs, default.files, default.rows) == (0, 0, 1)
    store.delete_experiment(number)
    assert measured.known()[0].deleted is True
    store.tidy.carry_out(store.tidy.plan(TidyRequest(grace_days=0)), "ada", "request")
    store.tidy.resume()
    measured.measure(lambda: False)
    assert [one.name for one in measured.known()] == ["Default"]


def test_figures_are_renewed_when_they_are_asked_for_and_old(store) -> None:
    keeper = Keeper(store.database, store.backend, 30)
    keeper.start()
    try:
        assert keeper.sizes().measuring is True
        for _ in range(500):
            found = keeper.sizes()
            if not found.measuring:
                break
        assert all(one.measured for one in found.experiments)
        store.later(hours=2)
        assert keeper.sizes().measuring is True
    finally:
        keeper.stop()


def fill(database: Database, count: int = 40_000) -> None:
    rows = [
        {"run": 9, "key": "x" * 40, "step": i, "timestamp": i, "value": 0.5, "is_nan": False}
        for i in range(count)
    ]
    database.write(lambda c: c.execute(sa.insert(metrics), rows))
    database.write(lambda c: c.execute(sa.delete(metrics)))


def test_free_space_is_told_and_given_back(store, tmp_path: Path) -> None:
    fill(store.database)
    before = measure_space(store.database)
    if store.database.dialect == "postgresql":
        assert before.bytes > 0
        assert before.free is None
        assert "autovacuum" in before.note
        with pytest.raises(ConflictError, match="VACUUM FULL"):
            compact(store.database, full=True)
        return
    assert before.free > 1_000_000
    assert before.incremental is True
    done = compact(store.database, full=False)
    assert (done.before, done.after.free) == (before, 0)
    assert done.after.bytes < before.bytes - 1_000_000
    assert (tmp_path / "test.db").stat().st_size == done.after.bytes
    assert store.run()


def test_a_file_of_an_earlier_version_is_compacted_in_full_only(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    old.execute("PRAGMA auto_vacuum = NONE")
    old.execute("CREATE TABLE t (x)")
    old.close()
    database = Database(f"sqlite:///{path}", sa.MetaData(), name="tracking")
    rows = ", ".join(f"('{'y' * 500}')" for _ in range(4000))
    database.write(lambda c: c.exec_driver_sql(f"INSERT INTO t VALUES {rows}"))
    database.write(lambda c: c.exec_driver_sql("DELETE FROM t"))
    with pytest.raises(ConflictError, match="compacted in full"):
        compact(database, full=False)
    done = compact(database, full=True)
    assert done.after.bytes < done.before.bytes / 10
    assert done.after.incremental is True
    database.close()
