"""Views as common table expressions: a row a question, found by its `__row`."""

from collections.abc import Sequence

from dovetail.features.measures import Measure
from dovetail.features.views import LatestView, View, WindowView
from dovetail.features.warehouse.amounts import amount, figure
from dovetail.features.warehouse.rows import SourceRows
from dovetail.features.windows import Window

Parts = list[tuple[str, str]]
SO_FAR = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def latest(name: str, view: LatestView, features: Sequence[str], rows: SourceRows) -> Parts:
    """Write a LatestView.

    Rows are ranked by the order of events. In the line of rows (as they become visible) and
    questions of one key, the greatest rank so far is the row that answers.
    """
    keys = _keys(view, rows)
    values = [f"{rows.value(f)} AS {rows.dialect.name_of(f)}" for f in features]
    ranked = (
        f"SELECT {', '.join([*keys, *values])}, __event, __known, "
        f"ROW_NUMBER() OVER (ORDER BY {rows.order}) AS __rank "
        f"FROM {rows.name} s{_where(view, rows)}"
    )
    line = _line(
        view, f"{name}_r", rows, "CASE WHEN __event > __known THEN __event ELSE __known END"
    )
    best = (
        f"SELECT __row, __at, __kind, MAX(__rank) OVER ({_partition(view)}ORDER BY __at, __kind "
        f"{SO_FAR}) AS __rank FROM ({line}) u"
    )
    listed = ", ".join(f"r.{rows.dialect.name_of(f)}" for f in features)
    age = f" AND b.__at - r.__event <= {view.ttl_us}" if view.ttl_us else ""
    found = (
        f"SELECT b.__row, {listed} FROM ({best}) b JOIN {name}_r r ON r.__rank = b.__rank "
        f"WHERE b.__kind = 1{age}"
    )
    return [(f"{name}_r", ranked), (name, found)]


def windows(name: str, view: WindowView, features: Sequence[str], rows: SourceRows) -> Parts:
    """Write a WindowView.

    Sums are differences of running sums at the two ends of a window. Other figures, and windows
    that are counted in events, join the questions with the events that they cover.
    """
    keys = _keys(view, rows)
    dialect = rows.dialect
    events = [
        *keys,
        "__event",
        "__known",
        f"{_floor('__known', view.tile_us, rows)} AS __tile",
        *(f"{amount_of(m, rows)} AS __m{i}" for i, m in enumerate(view.measures)),
        *(f"{rows.value(c)} AS {dialect.name_of('__v_' + c)}" for c in _ranked(view)),
    ]
    inner = (
        f"SELECT s.*, ROW_NUMBER() OVER (ORDER BY {rows.order}) AS __rank "
        f"FROM {rows.name} s{_where(view, rows)}"
    )
    parts = [(f"{name}_e", f"SELECT {', '.join([*events, '__rank'])} FROM ({inner}) s")]
    wanted = [
        (a, w) for a in view.aggregations for w in view.spans if f"{a.stem}_{w.name}" in features
    ]
    joins: list[str] = []
    totals: dict[tuple[Measure, str], str] = {}
    added = [
        i for i, m in enumerate(view.measures)
        if not m.is_folded and any(m in a.measures and w.tiles for a, w in wanted)
    ]  # fmt: skip
    timed = [w for w in view.spans if w.tiles and any(w is x for _, x in wanted)]
    if added:
        parts += _sums(name, view, rows, added, timed)
        joins.append(f"LEFT JOIN {name}_t ON {name}_t.__row = q.__row")
        for i in added:
            for at, w in enumerate(view.spans):
                totals[view.measures[i], w.name] = f"COALESCE({name}_t.__w{at}_{i}, 0)"
    for at, window in enumerate(view.spans):
        used = {m for a, w in wanted if w is window for m in a.measures}
        joined = [m for m in view.measures if m in used and (window.events or m.is_folded)]
        chosen = [view.measures.index(m) for m in joined]
        if chosen:
            parts += _covered(f"{name}_{at}", name, view, window, rows, chosen)
            joins.append(f"LEFT JOIN {name}_{at} ON {name}_{at}.__row = q.__row")
            for i in chosen:
                text = f"{name}_{at}.__m{i}"
                folded = view.measures[i].is_folded
                totals[view.measures[i], window.name] = text if folded else f"COALESCE({text}, 0)"
    figures = [
        f"{figure(a, [totals[m, w.name] for m in a.measures], dialect)} AS "
        f"{dialect.name_of(f'{a.stem}_{w.name}')}"
        for a, w in wanted
    ]
    asked = " AND ".join(
        ["q.__asked IS NOT NULL", *(f"q.{_q(k, rows)} IS NOT NULL" for k in view.keys)]
    )
    parts.append(
        (name, f"SELECT q.__row, {', '.join(figures)} FROM __q q {' '.join(joins)} WHERE {asked}")
    )
    return parts


def amount_of(measure: Measure, rows: SourceRows) -> str:
    """Write what one event adds to a measure."""
    where = rows.sql(measure.condition) if measure.condition is not None else ""
    value = rows.value(measure.column) if measure.column else ""
    return amount(measure, rows.dialect, rows.number, value, where)


def _sums(
    name: str, view: WindowView, rows: SourceRows, added: Sequence[int], timed: Sequence[Window]
) -> Parts:
    """Write the running sums at the ends of windows of time."""
    sums = ", ".join(f"SUM(__m{i}) AS __m{i}" for i in added)
    listed = ", ".join([f"__k{n}" for n in range(len(view.keys))])
    comma = f"{listed}, " if listed else ""
    tiles = f"SELECT {comma}__tile, {sums} FROM {name}_e GROUP BY {comma}__tile"
    line = [
        f"SELECT {comma}__tile AS __at, 1 AS __kind, {', '.join(f'__m{i}' for i in added)}, "
        f"CAST(NULL AS {rows.dialect.bigint}) AS __row, -1 AS __probe FROM ({tiles}) t"
    ]
    asked = _floor("q.__asked", view.tile_us, rows)
    zeros = ", ".join("0" for _ in added)
    for window in timed:
        at = view.spans.index(window)
        for probe, text in (
            (2 * at, _end(window, asked, rows)[0]),
            (2 * at + 1, _end(window, asked, rows)[1]),
        ):
            keys = ", ".join(f"q.{_q(k, rows)}" for k in view.keys)
            keys = f"{keys}, " if keys else ""
            line.append(
                f"SELECT {keys}{text}, 0, {zeros}, q.__row, {probe} FROM __q q "
                f"WHERE q.__asked IS NOT NULL"
            )
    running = ", ".join(
        f"SUM(__m{i}) OVER ({_partition(view)}ORDER BY __at, __kind {SO_FAR}) AS __m{i}"
        for i in added
    )
    along = f"SELECT __row, __probe, {running} FROM ({' UNION ALL '.join(line)}) u"
    picked = ", ".join(
        f"MAX(CASE WHEN __probe = {2 * view.spans.index(w) + 1} THEN __m{i} END) - "
        f"MAX(CASE WHEN __probe = {2 * view.spans.index(w)} THEN __m{i} END) "
        f"AS __w{view.spans.index(w)}_{i}"
        for w in timed
        for i in added
    )
    return [
        (f"{name}_t", f"SELECT __row, {picked} FROM ({along}) a WHERE __probe >= 0 GROUP BY __row")
    ]


def _covered(
    name: str, of: str, view: WindowView, window: Window, rows: SourceRows, chosen: Sequence[int]
) -> Parts:
    """Write the measures over the events that a window covers, joined one by one."""
    same = " AND ".join(
        [f"e.__k{n} = q.{_q(k, rows)}" for n, k in enumerate(view.keys)] or ["1 = 1"]
    )
    listed = ", ".join([*(f"e.__m{i}" for i in range(len(view.measures))), "e.__rank"])
    if window.events:
        nth = "ROW_NUMBER() OVER (PARTITION BY q.__row ORDER BY e.__rank DESC)"
        inner = (
            f"SELECT q.__row, {listed}, {nth} AS __nth FROM __q q JOIN {of}_e e ON {same} "
            f"AND e.__event <= q.__asked AND e.__known <= q.__asked"
        )
        covered = f"SELECT * FROM ({inner}) n WHERE __nth <= {window.events}"
    else:
        low, high = _end(window, _floor("q.__asked", view.tile_us, rows), rows)
        covered = (
            f"SELECT q.__row, {listed} FROM __q q JOIN {of}_e e ON {same} "
            f"AND e.__tile >= {low} AND e.__tile < {high}"
        )
    together = ", ".join(f"{_together(view.measures[i], f'__m{i}')} AS __m{i}" for i in chosen)
    totals = f"SELECT __row, {together} FROM ({covered}) c GROUP BY __row"
    joins, picked = [], []
    for i in chosen:
        measure = view.measures[i]
        if measure.kind in ("first", "last"):
            joins.append(f"LEFT JOIN {of}_e e{i} ON e{i}.__rank = t.__m{i}")
            picked.append(f"e{i}.{rows.dialect.name_of('__v_' + measure.column)} AS __m{i}")
        else:
            picked.append(f"t.__m{i}")
    return [(name, f"SELECT t.__row, {', '.join(picked)} FROM ({totals}) t {' '.join(joins)}")]


def _together(measure: Measure, name: str) -> str:
    if measure.kind == "distinct":
        return f"COUNT(DISTINCT {name})"
    words = {"min": "MIN", "first": "MIN", "max": "MAX", "last": "MAX"}
    return f"{words.get(measure.kind, 'SUM')}({name})"


def _ranked(view: WindowView) -> list[str]:
    return list(dict.fromkeys(m.column for m in view.measures if m.kind in ("first", "last")))


def _keys(view: View, rows: SourceRows) -> list[str]:
    return [f"{rows.value(k)} AS __k{n}" for n, k in enumerate(view.keys)]


def _where(view: View, rows: SourceRows) -> str:
    conditions = [f"{rows.value(k)} IS NOT NULL" for k in view.keys]
    if view.condition is not None:
        conditions.append(rows.sql(view.condition))
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _partition(view: View) -> str:
    keys = ", ".join(f"__k{n}" for n in range(len(view.keys)))
    return f"PARTITION BY {keys} " if keys else ""


def _line(view: View, ranked: str, rows: SourceRows, visible: str) -> str:
    """Write rows and questions of all keys in one line of time."""
    held = ", ".join([*(f"__k{n}" for n in range(len(view.keys))), f"{visible} AS __at"])
    asked = ", ".join([*(f"q.{_q(k, rows)}" for k in view.keys), "q.__asked"])
    nothing = f"CAST(NULL AS {rows.dialect.bigint})"
    return (
        f"SELECT {held}, 0 AS __kind, __rank, {nothing} AS __row FROM {ranked} "
        f"UNION ALL SELECT {asked}, 1, {nothing}, q.__row FROM __q q WHERE q.__asked IS NOT NULL"
    )


def _q(column: str, rows: SourceRows) -> str:
    return rows.dialect.name_of(column)


def _floor(value: str, size: int, rows: SourceRows) -> str:
    """Write how many whole sizes there are in a value, also in one below zero."""
    rest = f"MOD(MOD({value}, {size}) + {size}, {size})"
    return f"CAST(({value} - {rest}) / {size} AS {rows.dialect.bigint})"


def _end(window: Window, boundary: str, rows: SourceRows) -> tuple[str, str]:
    """Write the tiles [first, end) of a window for a question asked in a tile."""
    end = boundary
    if window.is_tumbling:
        shifted = f"({boundary} - {window.start})"
        rest = f"MOD(MOD({shifted}, {window.tiles}) + {window.tiles}, {window.tiles})"
        end = f"({boundary} - {rest})"
    return f"({end} - {window.tiles})", end
