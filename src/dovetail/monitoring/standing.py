"""How all models stand, ready to be read: noted when a day is closed, never computed for a page.

With ten thousand models a page must not measure any of them. What a line shows is written beside
the evidence when a day is closed; a page is one query over names, alerts and these lines.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.wire.monitoring import Figures, Model, Need, Standing, Standings

__all__ = ["ORDERS", "Book"]

ORDERS = ("need", "model", "evidence", "predictions", "auc", "last")
_NEEDS: tuple[Need, ...] = ("none", "seen", "warn", "alarm")


class Book:
    """The standings in a database.

    Args:
        database: With the tables of `dovetail.monitoring.tables`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def noting(
        self, model: str, day: str, figures: Figures, evidence: float | None
    ) -> Callable[[Connection], None]:
        """Return the work that writes a model's line.

        Args:
            model: The model.
            day: The last day closed.
            figures: Of the four weeks up to it.
            evidence: The strongest evidence as a part of what an alarm needs; None without any.
        """
        c = t.standings.c
        mine = sa.select(c.day, c.versions).where(c.model == model)

        def work(connection: Connection) -> None:
            before = connection.execute(mine).first()
            known = msgspec.json.decode(before.versions) if before else []
            row = {
                "model": model,
                "day": max(day, before.day) if before else day,
                "versions": msgspec.json.encode(sorted({*known, *figures.versions})).decode(),
                "predictions": figures.predictions,
                "outcomes": figures.outcomes,
                "auc": figures.auc,
                "estimated_auc": figures.estimated_auc,
                "log_loss": figures.log_loss,
                "evidence": evidence,
            }
            statement = insert(t.standings, self._database.dialect).values(row)
            # A day without rows adds no evidence and takes none away.
            kept = {**row, "evidence": sa.func.coalesce(statement.excluded.evidence, c.evidence)}
            connection.execute(statement.on_conflict_do_update(index_elements=[c.model], set_=kept))

        return work

    def last_day(self, model: str) -> str:
        """The last day that a model's line is of, "" before the first."""
        query = sa.select(t.standings.c.day).where(t.standings.c.model == model)
        return self._database.read(lambda x: x.scalar(query)) or ""

    def find(
        self, *, search: str = "", order: str = "need", limit: int = 50, offset: int = 0
    ) -> Standings:
        """Some models with how they stand.

        Args:
            search: Only those whose name holds this, in any case.
            order: One of `ORDERS`, with a minus for the other way round; "need" begins with those
                that need somebody most.
            limit: At most so many.
            offset: So many are left out first.
        """
        lines = _lines(search).subquery()
        page = sa.select(lines).order_by(*_order(lines, order)).limit(limit).offset(offset)
        days, some = t.days.c, page.subquery()
        first, last = (
            sa.select(edge(days.day)).where(days.model == some.c.model).scalar_subquery()
            for edge in (sa.func.min, sa.func.max)
        )
        query = sa.select(some, first.label("first"), last.label("last"))
        unjudged = sa.func.count().filter((lines.c.need == 0) & lines.c.evidence.is_(None))
        counts = sa.select(lines.c.need, sa.func.count(), unjudged).group_by(lines.c.need)

        def work(connection: Connection) -> Standings:
            rows = list(connection.execute(query.order_by(*_order(some, order))).mappings())
            kinds = _kinds(connection, [row["model"] for row in rows if row["alerts"]])
            counted = list(connection.execute(counts))
            held = {_NEEDS[need]: number for need, number, _ in counted}
            return Standings(
                total=sum(held.values()),
                needs=held,
                unjudged=sum(number for _, _, number in counted),
                models=[_standing(row, kinds.get(row["model"], set())) for row in rows],
            )

        return self._database.read(work)

    def models(self, *, search: str = "", after: str = "", limit: int = 1000) -> list[Model]:
        """Models by name, with their versions.

        Args:
            search: Only those whose name holds this, in any case.
            after: Only those whose name comes after this one.
            limit: At most so many.
        """
        lines = _lines(search).subquery()
        days = t.days.c
        some = sa.select(lines.c.model, lines.c.day, lines.c.versions, lines.c.alerts)
        some = some.where(lines.c.model > after).order_by(lines.c.model).limit(limit)
        page = some.subquery()
        first, last = (
            sa.select(edge(days.day)).where(days.model == page.c.model).scalar_subquery()
            for edge in (sa.func.min, sa.func.max)
        )
        query = sa.select(page, first.label("first"), last.label("last")).order_by(page.c.model)

        def work(connection: Connection) -> list[Model]:
            rows = list(connection.execute(query).mappings())
            versions = _versions(connection, rows)
            references = _references(connection, [row["model"] for row in rows])
            return [
                Model(
                    model=row["model"],
                    first=_date(row["first"]),
                    last=_date(row["last"]),
                    versions=tuple(sorted(versions[row["model"]])),
                    references=tuple(references.get(row["model"], ())),
                    alerts=row["alerts"],
                )
                for row in rows
            ]

        return self._database.read(work)


def _lines(search: str) -> sa.Select[Any]:
    """Every model that fits, with its line and what its active alerts need."""
    names, s, a = _names().subquery("names"), t.standings.c, t.alerts.c
    is_open, is_alarm = a.status == "open", a.severity == "alarm"
    need = sa.case((is_open & is_alarm, 3), (is_open, 2), else_=1)
    active = (
        sa.select(a.model, sa.func.max(need).label("need"), sa.func.count().label("alerts"))
        .where(a.status != "resolved")
        .group_by(a.model)
        .subquery("active")
    )
    query = (
        sa.select(
            names.c.model,
            sa.func.coalesce(active.c.need, 0).label("need"),
            sa.func.coalesce(active.c.alerts, 0).label("alerts"),
            *(column for column in s if column.name != "model"),
        )
        .outerjoin_from(names, t.standings, s.model == names.c.model)
        .outerjoin(active, active.c.model == names.c.model)
    )
    if search:
        query = query.where(sa.func.lower(names.c.model).contains(search.lower(), autoescape=True))
    return query


def _names() -> sa.Select[Any]:
    """The names of all models. Each day of each model has a row, so this leaps over them."""
    d = t.days.c
    seen = sa.select(sa.func.min(d.model).label("model")).cte("seen", recursive=True)
    following = sa.select(sa.func.min(d.model)).where(d.model > seen.c.model).scalar_subquery()
    seen = seen.union_all(sa.select(following).where(seen.c.model.is_not(None)))
    both = sa.union(
        sa.select(seen.c.model).where(seen.c.model.is_not(None)),
        sa.select(t.references.c.model),
    ).subquery("both")
    return sa.select(both.c.model)


def _order(lines: Any, order: str) -> list[Any]:
    """What to sort by; those without a value come last either way, ties go by name."""
    c, name = lines.c, order.removeprefix("-")
    if name not in ORDERS or name == "need":
        parts = [c.need.desc(), c.evidence.desc().nulls_last()]
        if order == "-need":
            parts = [c.need.asc(), c.evidence.asc().nulls_last()]
        return [*parts, c.model]
    column = {"last": c.day}.get(name, c.get(name))
    ordered = column.desc() if order.startswith("-") else column.asc()
    return [ordered.nulls_last(), c.model]


def _kinds(connection: Connection, names: Sequence[str]) -> dict[str, set[str]]:
    """The kinds of the active alerts of some models."""
    a = t.alerts.c
    query = sa.select(a.model, a.kind).where(a.model.in_(names), a.status != "resolved")
    found: dict[str, set[str]] = {}
    for model, kind in connection.execute(query) if names else ():
        found.setdefault(model, set()).add(kind)
    return found


def _standing(row: Any, kinds: set[str]) -> Standing:
    named = ("model", "alerts", "auc", "estimated_auc", "log_loss", "evidence")
    return Standing(
        **{name: row[name] for name in named},
        need=_NEEDS[row["need"]],
        kinds=tuple(sorted(kinds)),
        first=_date(row["first"]),
        last=_date(row["last"]),
        day=_date(row["day"]),
        predictions=row["predictions"] or 0,
        outcomes=row["outcomes"] or 0,
    )


def _versions(connection: Connection, rows: Sequence[Any]) -> dict[str, set[str]]:
    """Who has answered live: noted up to the last closed day, looked up after it."""
    found = {row["model"]: set(msgspec.json.decode(row["versions"] or "[]")) for row in rows}
    since: dict[str, list[str]] = {}
    for row in rows:
        if row["last"] is not None and (row["day"] or "") < row["last"]:
            since.setdefault(row["day"] or "", []).append(row["model"])
    i = t.inferences.c
    for day, names in since.items():
        query = sa.select(i.model, i.version).where(i.model.in_(names), i.day > day)
        query = query.where(i.role == "live", i.version.is_not(None)).distinct()
        for model, version in connection.execute(query):
            found[model].add(version)
    return found


def _references(connection: Connection, names: Sequence[str]) -> dict[str, list[str]]:
    c = t.references.c
    query = sa.select(c.model, c.version).where(c.model.in_(names)).order_by(c.model, c.version)
    found: dict[str, list[str]] = {}
    for model, version in connection.execute(query):
        found.setdefault(model, []).append(version)
    return found


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
