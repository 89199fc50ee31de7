"""Trace search against a reference in plain Python, on both databases and over many questions."""

import itertools
import json
import random
from typing import Any

import pytest

from dovetail.base.sql import Database
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers.traces import found
from dovetail.tracking.store import experiments, spans, traces
from dovetail.tracking.store.schema import metadata
from dovetail.tracking.trace_values import arrivals
from dovetail.wire.mlflow import SearchTraces
from dovetail.wire.otlp import Span

SIZE = 40
MS = 1_000_000


def _trace(chance: random.Random, i: int) -> dict[str, Any]:
    return {
        "trace_id": f"tr-{i:032x}",
        "timestamp_ms": chance.randrange(6),
        "execution_time_ms": chance.choice([None, 1, 5]),
        "status": chance.choice(["OK", "ERROR"]),
        "name": chance.choice([None, "chat", "Answer"]),
        "tags": {"team": chance.choice(["Red", "blue"])} if i % 2 else {},
        "metadata": {"m.x": str(chance.randrange(3))} if i % 3 else {},
        "spans": [
            {
                "name": chance.choice(["load", "score"]),
                "type": chance.choice(["TOOL", "LLM"]),
                "status": chance.choice(["OK", "ERROR"]),
                "attributes": {"n": chance.choice([1, "1", 2.5, True, [1, "a"], {"q": "ü"}])},
            }
            for _ in range(chance.randrange(3))
        ],
    }


@pytest.fixture
def filled(database_url: str):
    """Forty traces in two experiments; returns the database and what is in the first."""
    database = Database(database_url, metadata, name="tracking")
    chance = random.Random(11)
    known = [_trace(chance, i) for i in range(SIZE)]

    def fill(c: Any) -> None:
        experiments.ensure_default(c, "mlflow-artifacts:/", 1)
        other = experiments.create(c, "other", None, "mlflow-artifacts:/", (), 1)
        for i, one in enumerate(known):
            place = other if i % 5 == 0 else 0
            columns = ("trace_id", "timestamp_ms", "execution_time_ms", "status", "name")
            values = {key: one[key] for key in columns}
            values |= {"experiment_id": place, "is_reported": True}
            traces.report(c, values, traces.Labels(one["tags"], one["metadata"]))
            several = [
                Span(
                    trace_id=one["trace_id"][3:],
                    span_id=f"{j + 1:016x}",
                    parent_id="f" * 16,
                    name=s["name"],
                    status=s["status"],
                    attributes={**s["attributes"], "mlflow.spanType": s["type"]},
                )
                for j, s in enumerate(one["spans"])
            ]
            if several:
                spans.log(c, experiments.get(c, place), arrivals(several), None)

    database.write(fill)
    yield database, [one for i, one in enumerate(known) if i % 5]
    database.close()


def ids(database: Database, filter: str = "", numbers: tuple[str, ...] = ("0",), **given: Any):
    asked = SearchTraces(filter=filter, **given)
    rows, token = database.read(lambda c: found(c, numbers, asked))
    return [row.trace_id for row in rows], token


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def any_span(test):
    return lambda one: any(test(s) for s in one["spans"])


QUESTIONS = [
    ("status = 'OK'", lambda o: o["status"] == "OK"),
    ("trace.status != 'OK'", lambda o: o["status"] != "OK"),
    ("attributes.status IN ('OK', 'IN_PROGRESS')", lambda o: o["status"] == "OK"),
    ("timestamp_ms > 2 AND timestamp <= 4", lambda o: 2 < o["timestamp_ms"] <= 4),
    ("execution_time_ms >= 5", lambda o: (o["execution_time_ms"] or 0) >= 5),
    ("end_time < 4", lambda o: o["timestamp_ms"] + (o["execution_time_ms"] or 0) < 4),
    ("name = 'chat'", lambda o: o["name"] == "chat"),
    ("trace.name ILIKE 'an%'", lambda o: o["name"] == "Answer"),
    ("name IN ('chat', 'Answer')", lambda o: o["name"] is not None),
    ("name IS NULL", lambda o: o["name"] is None),
    ("tags.`mlflow.traceName` = 'chat'", lambda o: o["name"] == "chat"),
    ("tag.team = 'Red'", lambda o: o["tags"].get("team") == "Red"),
    ("tags.team LIKE 'r%'", lambda o: False),
    ("tags.team ILIKE 'r%'", lambda o: o["tags"].get("team") == "Red"),
    ("tags.team IS NULL", lambda o: "team" not in o["tags"]),
    ("tags.team IS NOT NULL", lambda o: "team" in o["tags"]),
    ("metadata.m.x = '1'", lambda o: o["metadata"].get("m.x") == "1"),
    ("request_metadata.`m.x` != '1'", lambda o: o["metadata"].get("m.x") in ("0", "2")),
    ("metadata.`m.x` IS NULL", lambda o: not o["metadata"]),
    ("span.name = 'load'", any_span(lambda s: s["name"] == "load")),
    (
        "span.name = 'load' AND span.type = 'LLM' AND span.status = 'ERROR'",
        any_span(lambda s: (s["name"], s["type"], s["status"]) == ("load", "LLM", "ERROR")),
    ),
    ("span.type IN ('LLM')", any_span(lambda s: s["type"] == "LLM")),
    ("span.attributes.n = '1'", any_span(lambda s: text_of(s["attributes"]["n"]) == "1")),
    ("span.attributes.n = 'true'", any_span(lambda s: s["attributes"]["n"] is True)),
    ("span.attributes.`n` LIKE '2.%'", any_span(lambda s: s["attributes"]["n"] == 2.5)),
    ("span.attributes.n LIKE '%\"a\"%'", any_span(lambda s: s["attributes"]["n"] == [1, "a"])),
    ("span.attributes.n != '1'", any_span(lambda s: text_of(s["attributes"]["n"]) != "1")),
    ("span.attributes.none LIKE '%'", lambda o: False),
    ("trace.text LIKE '%ü%'", any_span(lambda s: s["attributes"]["n"] == {"q": "ü"})),
    ("trace.text ILIKE '%TOOL%'", any_span(lambda s: s["type"] == "TOOL")),
    ("run_id = 'x'", lambda o: False),
    ("run_id IS NULL", lambda o: True),
    ("client_request_id IS NULL AND status = 'OK'", lambda o: o["status"] == "OK"),
]


def newest_first(known: list[dict[str, Any]]) -> list[str]:
    ordered = sorted(known, key=lambda o: (-o["timestamp_ms"], o["trace_id"]))
    return [one["trace_id"] for one in ordered]


def test_filters_find_what_they_say(filled: Any) -> None:
    database, known = filled
    for filter, holds in QUESTIONS:
        expected = newest_first([one for one in known if holds(one)])
        assert ids(database, filter)[0] == expected, filter


def test_two_conditions_hold_together(filled: Any) -> None:
    database, known = filled
    short = [q for q in QUESTIONS if "span." not in q[0] and "text" not in q[0]][:12]
    for (a, first), (b, second) in itertools.combinations(short, 2):
        both = [one for one in known if first(one) and second(one)]
        assert ids(database, f"{a} AND {b}")[0] == newest_first(both)


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("timestamp_ms", lambda o: o["timestamp_ms"]),
        ("timestamp DESC", lambda o: -o["timestamp_ms"]),
        ("end_time", lambda o: o["timestamp_ms"] + (o["execution_time_ms"] or 0)),
        ("name", lambda o: (o["name"] is None, o["name"] or "")),
        ("execution_time_ms DESC", lambda o: -(o["execution_time_ms"] or -1)),
        ("tags.team", lambda o: ("team" not in o["tags"], o["tags"].get("team", ""))),
        ("metadata.m.x", lambda o: (not o["metadata"], o["metadata"].get("m.x", ""))),
    ],
)
def test_orders_put_absent_values_last(filled: Any, order: str, key: Any) -> None:
    database, known = filled
    if order == "end_time":
        known = [one for one in known if one["execution_time_ms"]]
        got = ids(database, "execution_time_ms > 0", order_by=(order,))[0]
    else:
        got = ids(database, order_by=(order,))[0]
    ties = sorted(known, key=lambda o: (-o["timestamp_ms"], o["trace_id"]))
    if "name" in order or "team" in order:  # both databases order by code points or by language
        assert set(got) == {one["trace_id"] for one in known}
        absent = [one["trace_id"] for one in ties if key(one)[0]]
        assert got[len(got) - len(absent) :] == absent
        return
    assert got == [one["trace_id"] for one in sorted(ties, key=key)]


def test_pages_follow_one_another(filled: Any) -> None:
    database, known = filled
    got, token = [], None
    while True:
        page, token = ids(database, max_results=7, page_token=token)
        got += page
        if token is None:
            break
    assert got == newest_first(known)


def test_several_experiments_are_searched_as_one(filled: Any) -> None:
    database, _ = filled
    assert len(ids(database, numbers=("0", "1"))[0]) == SIZE
    assert ids(database, numbers=())[0] == []


@pytest.mark.parametrize(
    ("filter", "words"),
    [
        ("metrics.a = 1", "Invalid entity type 'metrics'"),
        ("feedback.a = 'x'", "assessments are not kept by this server"),
        ("color = 'red'", "Invalid attribute key 'color'"),
        ("tags.a RLIKE 'x'", "RLIKE is not supported"),
        ("tags.a = 1", "Expected a quoted string value for tag"),
        ("tags.a IN ('x')", "Expected a quoted string value for tag"),
        ("timestamp_ms = 'x'", "Expected numeric value type for numeric attribute"),
        ("span.colour = 'x'", "Invalid span attribute 'colour'"),
        ("span.content = 'x'", "span.content comparator '=' not one of"),
        ("span.attributes.`a\"b` = 'x'", "cannot be the name of a span's attribute"),
        ("status = 'OK' OR status = 'ERROR'", "Invalid clause"),
        ("status", "Invalid clause"),
    ],
)
def test_a_filter_that_cannot_be_used_says_why(filled: Any, filter: str, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        ids(filled[0], filter)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_results": 501}, "It must be at most 500"),
        ({"max_results": 0}, "positive integer"),
        ({"page_token": "???"}, "Invalid page token"),
        ({"order_by": ("span.name",)}, "Invalid order_by entity"),
        ({"order_by": ("name", "name DESC")}, "duplicate fields"),
    ],
    ids=["large page", "no page", "token", "order by spans", "order twice"],
)
def test_a_search_that_cannot_be_done_says_why(
    filled: Any, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        ids(filled[0], **given)


def test_the_newest_of_many_are_found_along_the_index(filled: Any) -> None:
    database, _ = filled
    if database.dialect != "sqlite":
        pytest.skip("the planner of PostgreSQL decides by statistics")
    query = (
        "EXPLAIN QUERY PLAN SELECT * FROM traces WHERE experiment_id = 0 "
        "ORDER BY timestamp_ms DESC, trace_id LIMIT 50"
    )
    plan = database.read(lambda c: [str(row) for row in c.exec_driver_sql(query)])
    assert any("traces_newest" in line for line in plan)
    assert not any("TEMP B-TREE" in line for line in plan)
