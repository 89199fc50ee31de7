"""The table of runs: every order is complete, cut into pages anywhere, on both databases."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import RUNS, Order, parse_filter
from dovetail.tracking.store import experiments, metrics, run_columns, run_table, runs
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.run_table import Cursor, TableQuery
from dovetail.tracking.store.schema import metadata
from dovetail.wire.mlflow import Metric

STARTED = Order("attribute", "started", False)
LONG = "x" * 100
LRS = ["0.1", "10", "2", "1e-3", "-5", "adam", "2020-01-01", LONG + "b", LONG + "a", "0.10"]
TEXTS = ["2020-01-01", "adam", LONG + "b", LONG + "a"]


def fill(c: Connection) -> None:
    experiments.ensure_default(c, "mlflow-artifacts:/", 0)
    for i in range(24):
        values = {
            "run_id": f"{i:032x}",
            "experiment_id": 0,
            "run_name": f"run-{i % 7}",
            "user_id": "ada" if i % 2 else "grace",
            "status": "RUNNING" if i % 3 == 0 else "FINISHED",
            "start_time": 1000 + (i * 7) % 24,
            "end_time": None if i % 3 == 0 else 5000 + i,
            "deleted_time": None,
            "artifact_uri": "",
            "lifecycle_stage": "deleted" if i == 23 else "active",
        }
        labels = {"mlflow.parentRunId": f"{i - i % 4:032x}"} if i % 4 else {}
        key = runs.create(c, values, labels)
        if i < len(LRS):
            runs.log_params(c, key, {"lr": LRS[i]})
        if i % 5:
            value = float("nan") if i == 6 else float(i * 37 % 11)
            metrics.log(c, runs.RunKey(key, 0), [Metric("auc", value, 0, 0)])


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url, metadata, name="tracking", migrations=MIGRATIONS)
    made.write(fill)
    yield made
    made.close()


def ask(database: Database, order: Order, **given: Any) -> run_table.Page:
    filled: dict[str, Any] = {"few": False, "limit": 100, "after": None, "filter": "", **given}
    query = TableQuery(
        experiment=0,
        stage=filled.get("stage", "active"),
        conditions=parse_filter(filled["filter"], RUNS),
        order=order,
        after=filled["after"],
        limit=filled["limit"],
        few=filled["few"],
    )
    return database.read(lambda c: run_table.page(c, query))


def paged(database: Database, order: Order, limit: int, **given: Any) -> list[str]:
    found: list[str] = []
    after: Cursor | None = None
    while True:
        page = ask(database, order, limit=limit, after=after, **given)
        found += [row.run_id for row in page.rows]
        after = page.next
        if after is None:
            return found


ORDERS = [
    ("attribute", "started"),
    ("attribute", "name"),
    ("attribute", "status"),
    ("attribute", "took"),
    ("metric", "auc"),
    ("metric", "absent"),
    ("parameter", "lr"),
    ("tag", "mlflow.parentRunId"),
]


@pytest.mark.parametrize(("entity", "key"), ORDERS, ids=lambda part: str(part))
def test_pages_of_any_size_show_every_run_once_in_one_order(
    database: Database, entity: Any, key: str
) -> None:
    for ascending, few in product((True, False), repeat=2):
        order = Order(entity, key, ascending)
        whole = paged(database, order, 100, few=few)
        assert sorted(whole) == [f"{i:032x}" for i in range(23)]
        for limit in (1, 5):
            assert paged(database, order, limit, few=few) == whole


def test_parameters_that_are_numbers_are_ordered_as_numbers_and_absent_ones_last(
    database: Database,
) -> None:
    def order(ascending: bool) -> list[str]:
        page = ask(database, Order("parameter", "lr", ascending))
        wanted = run_columns.Keys((), ("lr",), ())
        rows = {row.id: row.run_id for row in page.rows}
        cells = database.read(lambda c: run_columns.cells(c, rows, wanted))
        return [cells[row.id].params.get("lr", "") for row in page.rows]

    assert order(True)[:6] == ["-5", "1e-3", "0.1", "0.10", "2", "10"]
    assert sorted(order(True)[6:10]) == sorted(TEXTS)
    assert order(True)[10:] == [""] * 13
    assert order(False)[:2] == ["10", "2"]
    assert order(False)[10:] == [""] * 13


def test_nan_and_absent_metrics_come_last_in_both_directions(database: Database) -> None:
    for ascending in (True, False):
        found = paged(database, Order("metric", "auc", ascending), 4)
        assert found[-6:-5] == [f"{6:032x}"]
        assert sorted(found[-5:]) == [f"{i:032x}" for i in (0, 5, 10, 15, 20)]


FILTERS = [
    "metrics.auc > 5",
    "params.lr = '0.1'",
    f"params.lr = '{LONG}a'",
    "params.lr LIKE 'x%'",
    "params.lr IS NULL AND attributes.status = 'RUNNING'",
    "attributes.run_name = 'run-3' AND metrics.auc >= 0",
    f"tags.mlflow.parentRunId = '{4:032x}'",
]


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_finds_the_same_however_it_is_answered(
    database: Database, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order("metric", "auc", True)
    narrow = paged(database, order, 3, filter=text)
    assert narrow
    assert sorted(paged(database, order, 3, filter=text, few=True)) == sorted(narrow)
    monkeypatch.setattr(run_table, "FEW", 0)
    assert sorted(paged(database, order, 3, filter=text)) == sorted(narrow)


def test_deleted_runs_have_a_table_of_their_own(database: Database) -> None:
    assert [row.run_id for row in ask(database, STARTED, stage="deleted").rows] == [f"{23:032x}"]
    assert database.read(lambda c: run_table.count(c, 0, "active")) == 23


def test_children_are_found_by_their_parent(database: Database) -> None:
    parents = [f"{4:032x}", f"{20:032x}"]
    found = database.read(lambda c: run_table.children(c, parents))
    assert {key: [row.run_id for row in rows] for key, rows in found.items()} == {
        parents[0]: [f"{i:032x}" for i in (5, 6, 7)],
        parents[1]: [f"{i:032x}" for i in (21, 22)],
    }


@pytest.mark.parametrize("cursor", [Cursor(0, (1,)), Cursor(2, (1,)), Cursor(0, ("a", "b"))])
@pytest.mark.parametrize("few", [False, True])
def test_a_place_that_an_order_does_not_have_is_refused(
    database: Database, cursor: Cursor, few: bool
) -> None:
    with pytest.raises(InvalidParameterError, match="first page"):
        ask(database, STARTED, after=cursor, few=few)


def test_keys_of_an_experiment_are_listed_common_ones_first(database: Database) -> None:
    keys = database.read(lambda c: run_columns.keys_of(c, 0, "active"))
    assert keys == run_columns.Keys(("auc",), ("lr",), ("mlflow.parentRunId",))
