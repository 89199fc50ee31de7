"""Expressions mean the same in a frame, in a row and in a database."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dovetail.features.errors import DefinitionError, RowsError
from dovetail.features.expressions import expression

T = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)
SCHEMA = {
    "x": pl.Float64, "y": pl.Float64, "n": pl.Int64, "s": pl.String, "u": pl.String,
    "b": pl.Boolean, "t": pl.Datetime("us", "UTC"), "v": pl.Datetime("us", "UTC"),
}  # fmt: skip
numbers = st.sampled_from([None, 0.0, -0.0, 1.0, -2.5, 0.1, 7.0, 1e300, math.nan, 1e-9, 2.5, 0.5])
texts = st.sampled_from([None, "", "UA", "ua", "Élan", "a%b_c", "O'Hare", "straße", "\n", "a\\b"])
moments = st.sampled_from(
    [None, T, T + timedelta(microseconds=1), T - timedelta(days=20_000, hours=3), T.replace(day=31)]
)
rows = st.fixed_dictionaries(
    {
        "x": numbers, "y": numbers, "n": st.sampled_from([None, 0, 1, -7, 15]), "s": texts,
        "u": texts, "b": st.sampled_from([None, True, False]), "t": moments, "v": moments,
    }
)  # fmt: skip
LEAVES = {
    "number": ["x", "y", "n", "0", "1", "2.5", "1e300", "49", "null"],
    "text": ["s", "u", "'UA'", "'O''Hare'", "'é'"],
    "boolean": ["b", "true", "false"],
    "time": ["t", "v"],
}
# What is made: a template, and the kinds that fill its gaps.
PARTS: dict[str, list[tuple[str, list[str]]]] = {
    "number": [
        *((f"({{}} {op} {{}})", ["number"] * 2) for op in "+-*/"),
        *((f"{f}({{}})", ["number"]) for f in ("-", "abs", "ln", "log1p", "exp", "sqrt")),
        *((f"{f}({{}})", ["number"]) for f in ("floor", "ceil", "round")),
        ("round({}, 2)", ["number"]),
        ("({} / 49)", ["number"]),
        ("(n % {})", ["number"]),
        ("length({})", ["text"]),
        ("case when {} then {} else {} end", ["boolean", "number", "number"]),
        ("coalesce({}, {})", ["number"] * 2),
        ("nullif({}, {})", ["number"] * 2),
        *((f"{f}({{}})", ["time"]) for f in ("hour", "minute", "weekday", "day", "month")),
        *((f"{f}({{}})", ["time"]) for f in ("year", "epoch")),
        ("seconds_between({}, {})", ["time"] * 2),
    ],
    "text": [
        ("lower({})", ["text"]),
        ("upper({})", ["text"]),
        ("substring({}, 2, 3)", ["text"]),
        ("({} || {})", ["text"] * 2),
        ("coalesce({}, {})", ["text"] * 2),
        ("case when {} then {} end", ["boolean", "text"]),
    ],
    "boolean": [
        *((f"({{}} {op} {{}})", ["number"] * 2) for op in ("=", "<>", "<", "<=", ">", ">=")),
        *((f"({{}} || '' {op} {{}})", ["text"] * 2) for op in ("=", "<>", "<", ">=")),
        ("({} and {})", ["boolean"] * 2),
        ("({} or {})", ["boolean"] * 2),
        ("(not {})", ["boolean"]),
        ("({} is null)", ["number"]),
        ("({} is null)", ["text"]),
        ("({} is not null)", ["boolean"]),
        ("({} is true)", ["boolean"]),
        ("({} between {} and {})", ["number"] * 3),
        ("({} in (0, 1, 2.5))", ["number"]),
        ("({} not in ('UA', ''))", ["text"]),
        ("({} like '%a_%')", ["text"]),
        ("({} like 'a%')", ["text"]),
        *((f"{f}({{}}, {{}})", ["text"] * 2) for f in ("contains", "starts_with", "ends_with")),
        ("(epoch({}) < epoch({}))", ["time"] * 2),
    ],
    "time": [],
}


@st.composite
def sources(draw: st.DrawFn, kind: str, depth: int = 2) -> str:
    options = PARTS[kind] if depth else []
    at = draw(st.integers(0, len(LEAVES[kind]) + 3 * len(options) - 1))
    if at < len(LEAVES[kind]):
        return LEAVES[kind][at]
    template, gaps = options[(at - len(LEAVES[kind])) % len(options)]
    return template.format(*(draw(sources(gap, depth - 1)) for gap in gaps))


def same(a: Any, b: Any) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


@pytest.fixture(scope="module")
def database() -> Any:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        yield connection


@given(
    st.sampled_from(["number", "text", "boolean"]).flatmap(
        lambda kind: st.tuples(sources(kind), st.just(kind))
    ),
    st.lists(rows, min_size=1, max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_every_engine_gives_the_same(
    database: Any, of: tuple[str, str], held: list[dict[str, Any]]
) -> None:
    source, kind = of
    found = expression(source, kind)
    frame = pl.DataFrame(held, schema=SCHEMA)
    expected = frame.with_columns(found.over(frame.schema).alias("r"))["r"].to_list()
    in_rows = [found.of(sent(row)) for row in held]
    assert all(map(same, in_rows, expected)), (source, in_rows, expected)
    database.register("frame", frame.with_row_index("i"))
    asked = f"select {found.sql('duckdb')} from frame order by i"
    in_sql = [r for (r,) in database.execute(asked).fetchall()]
    assert all(map(same, in_sql, expected)), (source, in_sql, expected)


def sent(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}


@pytest.mark.parametrize(
    ("source", "row", "expected"),
    [
        ("1 / x", {"x": 0}, None),
        ("x > 1 or y > 1", {"x": 2, "y": None}, True),
        ("x > 1 and y > 1", {"x": 0, "y": None}, False),
        ("not x > 1", {"x": math.nan}, None),
        ("round(x)", {"x": -2.5}, -3.0),
        ("log1p(x)", {"x": -1}, None),
        ("upper(s)", {"s": "straße"}, "STRAßE"),
        ("weekday(t)", {"t": "2024-03-01T23:30:00-05:00"}, 6.0),
        ("seconds_between(t, v) / 60", {"t": "2024-03-01T12:00:00Z", "v": "2024-03-01 13:30"}, 90),
        ("epoch(t + interval '1 minute')", {"t": "1970-01-01T00:00:00Z"}, 60.0),
        ("greatest(x, y, 3)", {"x": 1, "y": 7}, 7),
        ("greatest(x, y)", {"x": 1, "y": None}, None),
        ("least(x, y)", {"x": 1, "y": 7}, 1),
        ("extract(hour from t) between 6 and 9", {"t": "2024-03-01T06:10:00Z"}, True),
        ("case s when 'UA' then 1 when 'AA' then 2 else 0 end", {"s": "AA"}, 2.0),
        ("if(b, 'yes', 'no')", {"b": None}, "no"),
    ],
)
def test_what_expressions_mean(source: str, row: dict[str, Any], expected: Any) -> None:
    assert expression(source).of(row) == expected


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x +", "cannot be read"),
        ("count(*)", r"uses COUNT\(\*\), which is not allowed"),
        ("(select 1)", "not allowed"),
        ("a.b > 1", "uses a.b, which is not allowed"),
        ("x; drop table y", "not allowed"),
        ("__import__('os')", "not allowed"),
        ("pg_read_file('a')", "not allowed"),
        ("lower(x) + x", "has a text where a number is needed"),
        ("lower(x) = 'a' and x > 1", "has a number where a text is needed"),
        ("x like lower('a')", "where a literal is needed"),
        ("x in (1, 'a')", "list literals of one kind"),
        ("", "is not an expression"),
    ],
)
def test_what_is_no_expression_says_why(source: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        expression(source)


def test_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(RowsError, match="Column 'x' holds 'a' where an expression needs a number"):
        expression("x > 1").of({"x": "a"})
    frame = pl.DataFrame({"x": ["a"]})
    with pytest.raises(RowsError, match="Column 'x' holds String where an expression needs number"):
        expression("x > 1").over(frame.schema)
