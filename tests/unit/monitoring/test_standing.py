"""How models stand, one line each, also where there are ten thousand of them."""

import time
from datetime import date

import pytest
import sqlalchemy as sa

from dovetail.base.sql import Database
from dovetail.monitoring import tables as t
from dovetail.monitoring.migrations import MIGRATIONS
from dovetail.monitoring.standing import Book
from dovetail.wire.monitoring import Client, Figures

MANY = 10_000
DAYS = [f"2013-04-{day:02d}" for day in range(1, 31)]


def name(i: int) -> str:
    return f"shop-{i:05d}"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A store of ten thousand models with thirty days each, of which sixty have an alert."""
    state = tmp_path_factory.mktemp("crowd")
    path = state / "monitoring.db"
    database = Database(f"sqlite:///{path}", t.metadata, name="monitoring", migrations=MIGRATIONS)

    def fill(connection) -> None:
        days = [
            {"model": name(i), "day": day, "revision": 1, "arrived_ms": 0}
            for i in range(MANY)
            for day in DAYS
        ]
        connection.execute(sa.insert(t.days), days)
        lines = [
            {
                "model": name(i),
                "day": DAYS[-1],
                "versions": '["1"]',
                "predictions": 10 + i,
                "outcomes": i % 3,
                "evidence": (i % 97) / 100,
            }
            for i in range(MANY)
        ]
        connection.execute(sa.insert(t.standings), lines)
        alerts = [
            {
                "id": f"{i:032d}",
                "model": name(7 * i),
                "version": "1",
                "kind": "drift",
                "status": "acknowledged" if i % 3 == 2 else "open",
                "severity": "alarm" if i % 3 == 0 else "warn",
                "body": b"{}",
            }
            for i in range(60)
        ]
        connection.execute(sa.insert(t.alerts), alerts)

    database.write(fill)
    yield database
    database.close()


def test_those_that_need_somebody_come_first(crowd):
    found = Book(crowd).find(limit=70)
    needs = [one.need for one in found.models]
    assert needs == ["alarm"] * 20 + ["warn"] * 20 + ["seen"] * 20 + ["none"] * 10
    assert found.total == MANY
    assert found.needs == {"alarm": 20, "warn": 20, "seen": 20, "none": MANY - 60}
    quiet = [one.evidence for one in found.models[60:]]
    assert quiet == sorted(quiet, reverse=True)
    assert (found.models[0].first, found.models[0].last) == (date(2013, 4, 1), date(2013, 4, 30))


def test_models_are_searched_sorted_and_paged(crowd):
    book = Book(crowd)
    assert [m.model for m in book.find(search="SHOP-0012", order="-model").models] == [
        name(i) for i in range(129, 119, -1)
    ]
    assert [m.predictions for m in book.find(order="-predictions", limit=2, offset=1).models] == [
        MANY + 8,
        MANY + 7,
    ]
    assert book.find(search="%").total == 0
    assert [m.model for m in book.models(after=name(41), limit=2)] == [name(42), name(43)]
    assert book.models(limit=1)[0].versions == ("1",)


def test_a_page_of_ten_thousand_models_is_quick(crowd):
    book = Book(crowd)
    book.find()
    began = time.process_time()
    for offset in (0, 5000):
        book.find(offset=offset)
    assert (time.process_time() - began) / 2 < 0.3  # about 0.05 on a quiet core


def test_a_line_is_written_when_a_day_is_closed_and_its_end_never_moves_back(crowd):
    book = Book(crowd)
    figures = Figures(predictions=5, versions={"2": 5}, auc=0.7)
    crowd.write(book.noting("solo", "2013-05-02", figures, 0.4))
    crowd.write(book.noting("solo", "2013-05-01", Figures(versions={"1": 1}), None))
    with crowd._reader.connect() as connection:
        row = connection.execute(sa.select(t.standings).where(t.standings.c.model == "solo")).one()
    assert (row.day, row.versions) == ("2013-05-02", '["1","2"]')


def test_the_client_reads_how_models_stand(server, log):
    server.send(
        log.request("r", [[1.0]], at="2013-04-01T06:00:00Z"),
        log.response("r", [0.5], at="2013-04-01T06:00:00Z"),
    )
    with Client(str(server.http.base_url)) as client:
        assert [m.versions for m in client.models()] == [("1",)]
        client.close_day("flights", date(2013, 4, 1))
        (one,) = client.standings("FLIGHT").models
        assert (one.predictions, one.need, one.day) == (1, "none", date(2013, 4, 1))
        assert client.standings().unjudged == 1  # it has no reference
    assert server.get(".json")["verdict"] == "1 model is watched; none is judged yet."
    assert server.http.get("/monitoring/standings?sort=colour").status_code == 400
    assert server.http.get("/monitoring/models?limit=lots").status_code == 400


def test_a_day_without_rows_takes_no_evidence_away(crowd):
    book = Book(crowd)
    crowd.write(book.noting("still", "2013-05-01", Figures(predictions=3), 0.6))
    crowd.write(book.noting("still", "2013-05-02", Figures(predictions=3), None))
    with crowd._reader.connect() as connection:
        found = connection.scalar(
            sa.select(t.standings.c.evidence).where(t.standings.c.model == "still")
        )
    assert found == 0.6
