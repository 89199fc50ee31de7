"""Tables as a source: each row counts once, appended, written again or filled in later."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from dovetail.base.clock import ManualClock
from dovetail.base.errors import DovetailError, UnavailableError
from dovetail.base.sql import Database
from dovetail.monitoring import tables
from dovetail.monitoring.errors import TablesInvalidError
from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.performance import Choice
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.monitoring.sources.reader import Reader
from dovetail.monitoring.sources.settings import Table, load_tables

AT = datetime(2026, 4, 1, 6, tzinfo=UTC)


@pytest.fixture
def watch(tmp_path):
    """Monitoring, and what reads a table now and says how many rows it read."""
    url = f"sqlite:///{tmp_path}/m.db"
    database = Database(url, tables.metadata, name="monitoring", migrations=MIGRATIONS)
    clock = ManualClock(AT)
    monitoring = Monitoring(database, MonitoringSettings(), clock)

    def read(table: Table) -> int:
        clock.advance(timedelta(seconds=1))
        return Reader([table], monitoring.store, clock, 1, monitoring.feeds.saw).read(table)

    yield monitoring, read
    database.close()


def rows(first: int, count: int, *, labels: bool = False, **more):
    """Predictions of which every label is 1 where the score is above a half."""
    numbers = range(first, first + count)
    made = {
        "id": [f"r{k}" for k in numbers],
        "at": [AT + timedelta(seconds=k) for k in numbers],
        "p": [k % 10 / 10 for k in numbers],
        "late": [float(k % 10 > 5) if labels else None for k in numbers],
        "wind": [float(k) for k in numbers],
        "carrier": ["AA" if k % 2 else None for k in numbers],
        "version": ["7"] * count,
    }
    return made | more


def write(path, columns):
    pa = pytest.importorskip("pyarrow")
    types = {"late": pa.float64(), "carrier": pa.string()}
    arrays = {n: pa.array(v, types.get(n)) for n, v in columns.items()}
    pytest.importorskip("pyarrow.parquet").write_table(pa.table(arrays), path)


NAMED = {"model": "flights", "id": "id", "time": "at", "scores": ["p"], "label": "late"}


def figures(monitoring, model="flights"):
    found = monitoring.performance(model, "", "", Choice())
    return found.predictions, found.outcomes


def test_files_that_appear_and_are_written_again_count_each_row_once(watch, tmp_path):
    monitoring, read = watch
    folder = tmp_path / "log"
    (folder / "day=1").mkdir(parents=True)
    table = Table(url=str(folder), version="version", **NAMED)
    write(folder / "day=1" / "a.parquet", rows(0, 100))
    write(folder / "day=1" / "_half.parquet", rows(500, 1))
    (folder / "notes.txt").write_text("not a table")
    assert read(table) == 100
    assert read(table) == 0
    assert figures(monitoring) == (100, 0)
    write(folder / "b.parquet", rows(100, 6000))
    write(folder / "day=1" / "a.parquet", rows(0, 100, labels=True))
    assert read(table) == 6100
    assert figures(monitoring) == (6100, 100)
    assert monitoring.performance("flights", "", "", Choice()).auc == 1.0
    (kept,) = monitoring.request("flights", "r3")
    assert kept.features == {"wind": [3.0], "carrier": ["AA"]}
    assert (kept.version, kept.time) == ("7", AT + timedelta(seconds=3))
    assert kept.outcomes == [0.0]


def test_outcomes_may_lie_in_a_table_of_their_own_and_be_corrected(watch, tmp_path):
    monitoring, read = watch
    write(tmp_path / "p.parquet", rows(0, 10))
    write(tmp_path / "y.parquet", {"id": ["r1", "r9"], "late": [1.0, None]})
    outcomes = Table(model="flights", url=str(tmp_path / "y.parquet"), id="id", label="late")
    assert read(outcomes) == 2
    assert read(Table(url=str(tmp_path / "p.parquet"), version_name="1", **NAMED)) == 10
    assert figures(monitoring) == (10, 1)
    write(tmp_path / "y.parquet", {"id": ["r1", "r9"], "late": [0.0, 1.0]})
    read(outcomes)
    assert figures(monitoring) == (10, 2)
    assert monitoring.request("flights", "r1")[0].outcomes == [0.0]
    assert monitoring.request("flights", "r1")[0].version == "1"


def test_a_delta_table_is_followed_through_its_versions(watch, tmp_path):
    delta, pa = pytest.importorskip("deltalake"), pytest.importorskip("pyarrow")
    monitoring, read = watch
    place = str(tmp_path / "delta")
    table = Table(url=f"delta+{place}", version="version", **NAMED)

    def append(first, count, carrier):
        made = rows(first, count, labels=True, carrier=[carrier] * count)
        delta.write_deltalake(place, pa.table(made), mode="append", partition_by=["carrier"])

    append(0, 50, "AA")
    assert read(table) == 50
    append(50, 30, "UA")
    assert read(table) == 30
    delta.DeltaTable(place).optimize.compact()
    read(table)
    assert figures(monitoring) == (80, 80)
    assert monitoring.request("flights", "r60")[0].features["carrier"] == ["UA"]


@pytest.fixture
def source(database_url):
    """A database that somebody else fills."""
    url = database_url.replace("postgresql:", "postgresql+psycopg:")
    engine = sa.create_engine(url)
    table = sa.Table(
        "predictions",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime),
        sa.Column("a", sa.Float),
        sa.Column("b", sa.Float),
        sa.Column("c", sa.Float),
        sa.Column("kind", sa.Text),
        sa.Column("wind", sa.Numeric(10, 3)),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("changed", sa.DateTime),
    )
    with engine.begin() as connection:
        table.metadata.drop_all(connection)
        table.metadata.create_all(connection)
    yield engine, table, database_url
    with engine.begin() as connection:
        table.metadata.drop_all(connection)
    engine.dispose()


def test_a_table_of_a_database_is_read_on_and_labels_come_later(watch, source):
    monitoring, read = watch
    engine, predictions, url = source
    at = AT.replace(tzinfo=None)

    def put(numbers, minutes):
        changed = at + timedelta(minutes=minutes)
        common = {"at": at, "a": 0.7, "b": 0.2, "c": 0.1, "wind": 1.5, "raw": b"x"}
        made = [{"id": k, "changed": changed, **common} for k in numbers]
        with engine.begin() as connection:
            connection.execute(predictions.insert(), made)

    table = Table(
        model="wine", url=url, table="predictions", id="id", time="at", scores=["a", "b", "c"],
        label="kind", changed="changed", features=["wind"],
    )  # fmt: skip
    put(range(7000), 0)
    assert read(table) == 7000
    put([7001], -2)  # made visible late by a slow transaction, within the lag
    put([7002], 60)
    with engine.begin() as connection:
        change = {"kind": "1", "changed": at + timedelta(minutes=61)}
        connection.execute(predictions.update().where(predictions.c.id < 10).values(**change))
    assert read(table) >= 12
    assert figures(monitoring, "wine") == (7002, 10)
    assert read(table) == 11  # those of the last five minutes, for the third time
    assert figures(monitoring, "wine") == (7002, 10)
    (kept,) = monitoring.request("wine", "7002")
    assert (kept.features, kept.shares) == ({"wind": [1.5]}, [[0.7, 0.2, 0.1]])


def test_rows_without_an_id_or_a_time_are_counted_and_left_out(watch, tmp_path):
    monitoring, read = watch
    made = rows(0, 6)
    made["id"][0], made["at"][1], made["p"][2], made["wind"][3] = None, None, None, np.nan
    write(tmp_path / "p.parquet", made)
    assert read(Table(url=str(tmp_path / "p.parquet"), **NAMED)) == 6
    assert figures(monitoring) == (4, 0)


@pytest.mark.parametrize(
    "url",
    ["/no/such/place", "delta+/no/such/place", "sqlite:////no/such/place.db"],
)
def test_what_cannot_be_read_says_so(watch, url):
    _, read = watch
    with pytest.raises(UnavailableError, match="cannot be read"):
        read(Table(url=url, table="t", **NAMED))


def test_a_column_that_is_not_there_is_named(watch, source):
    _, read = watch
    with pytest.raises(DovetailError, match="has no column 'p'"):
        read(Table(url=source[2], table="predictions", **NAMED))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[tables]", "is not TOML"),
        ("[[tables]]\nmodel = 'm'", "missing required field"),
        ("[[tables]]\nmodel='m'\nurl='x'\nid='i'\nlable='y'", "unknown field"),
        ("[[tables]]\nmodel='m'\nurl='x'\nid='i'", "neither scores nor a label"),
        ("[[tables]]\nmodel='m'\nurl='x'\nid='i'\nscores=['p']", "need the column time"),
        ("[[tables]]\nmodel='m'\nurl='sqlite:///x'\nid='i'\nlabel='y'", "a database needs table"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, text, said):
    path = tmp_path / "tables.toml"
    path.write_text(text)
    with pytest.raises(TablesInvalidError, match=said):
        load_tables(path)


def test_a_server_reads_tables_while_it_runs_and_after_a_restart(tmp_path, start):
    folder = tmp_path / "log"
    folder.mkdir()
    write(folder / "a.parquet", rows(0, 100, labels=True))
    path = tmp_path / "tables.toml"
    path.write_text(
        '[[tables]]\nmodel = "gone"\nurl = "/no/such/place"\nid = "id"\nlabel = "late"\n'
        f'[[tables]]\nmodel = "flights"\nurl = "{folder}"\nid = "id"\ntime = "at"\n'
        'scores = ["p"]\nlabel = "late"\nversion = "version"\n'
    )
    settings = MonitoringSettings(tables=str(path), table_seconds=1)

    def wait(server, count):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            answer = server.http.get("/monitoring/models/flights/performance")
            if answer.is_success and answer.json()["predictions"] == count:
                return answer.json()
            time.sleep(0.1)
        raise AssertionError("the rows did not come")

    with start(settings) as server:
        assert wait(server, 100)["outcomes"] == 100
        write(folder / "b.parquet", rows(100, 50))
        wait(server, 150)
    with start(settings) as server:
        write(folder / "c.parquet", rows(150, 50))
        assert wait(server, 200)["outcomes"] == 100
        text = server.http.get("/metrics").text
    families = {one.name: one for one in text_string_to_metric_families(text)}
    read = families["dovetail_monitoring_table_rows"].samples
    mine = {s.labels["result"]: s.value for s in read if s.labels["table"].startswith("flights")}
    assert mine["read"] >= 200


def test_a_wrong_file_of_tables_stops_the_command(tmp_path):
    command = [sys.executable, "-m", "dovetail.cli", "monitoring", "run", "--port", "0"]
    more = ["--state", str(tmp_path / "state"), "--tables", "/no/file.toml"]
    said = subprocess.run([*command, *more], capture_output=True, text=True, timeout=60)
    assert said.returncode != 0
    assert "/no/file.toml: cannot be read" in said.stderr
