"""Which runs a retention rule keeps and why, and which it does not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from dovetail.tracking.store.bulk import select_for
from dovetail.tracking.store.experiments import ACTIVE
from dovetail.tracking.store.schema import latest_metrics, logged_models, runs, tags
from dovetail.tracking.tidy.uses import Uses
from dovetail.wire.retention import Best, Rule

__all__ = ["DAY", "Judged", "judge", "used_runs"]

DAY = 86_400_000
ENDED = ("FINISHED", "FAILED", "KILLED")
_some: sa.BindParameter[Any] = sa.bindparam("some", expanding=True)
_made = sa.select(logged_models.c.source_run_id, logged_models.c.model_id).where(
    logged_models.c.model_id.in_(_some)
)


@dataclass
class Judged:
    """The runs of an experiment under a rule.

    Attributes:
        surplus: runs that nothing keeps.
        kept: how many runs stay, by the first reason that keeps them.
    """

    surplus: list[Row[Any]] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)


def judge(connection: Connection, number: int, rule: Rule, now: int) -> Judged:
    """Apply a rule to the active runs of an experiment; nothing changes.

    Args:
        connection: where to read.
        number: of the experiment.
        rule: what stays.
        now: in milliseconds.
    """
    query: sa.Select[Any] = (
        sa.select(
            *(runs.c.id, runs.c.run_id, runs.c.run_name, runs.c.status),
            *(runs.c.start_time, runs.c.end_time),
        )
        .where(runs.c.experiment_id == number, runs.c.lifecycle_stage == ACTIVE)
        .order_by(runs.c.start_time.desc(), runs.c.id.desc())
    )
    rows = connection.execute(query).all()
    judged = Judged()
    if not rule.deletes():
        judged.kept["no limit is set"] = len(rows)
        return judged
    reasons = list(_reasons(connection, number, rule, rows, now))
    for row in rows:
        why = next((words for words, keeps in reasons if row.id in keeps), None)
        if why is None:
            judged.surplus.append(row)
        else:
            judged.kept[why] = judged.kept.get(why, 0) + 1
    return judged


def _reasons(
    connection: Connection, number: int, rule: Rule, rows: Sequence[Row[Any]], now: int
) -> Iterator[tuple[str, set[int]]]:
    """Yield what keeps runs, in words, and which."""
    yield "not finished", {row.id for row in rows if row.status not in ENDED}
    used = used_runs(connection)
    yield "a model version stands on it", {row.id for row in rows if row.run_id in used}
    if rule.keep_newest is not None:
        yield f"the newest {rule.keep_newest}", {row.id for row in rows[: rule.keep_newest]}
    if rule.keep_days is not None:
        since = now - int(rule.keep_days * DAY)
        young = {row.id for row in rows if max(row.start_time, row.end_time or 0) >= since}
        yield f"younger than {rule.keep_days:g} days", young
    for tag in rule.keep_tagged:
        yield f"tagged {tag}", set(connection.scalars(_tagged(number, tag)))
    for best in rule.keep_best:
        words = f"best {best.count} by {best.metric}"
        yield words, set(connection.scalars(_best(number, best)))


def _tagged(number: int, tag: str) -> sa.Select[Any]:
    key, given, value = tag.partition("=")
    query = (
        sa.select(tags.c.run)
        .join(runs, runs.c.id == tags.c.run)
        .where(runs.c.experiment_id == number, tags.c.key == key)
    )
    return query.where(tags.c.value == value) if given else query


def _best(number: int, best: Best) -> sa.Select[Any]:
    value = latest_metrics.c.value
    order = value.desc() if best.direction == "max" else value.asc()
    return (
        sa.select(latest_metrics.c.run)
        .join(runs, runs.c.id == latest_metrics.c.run)
        .where(
            latest_metrics.c.experiment_id == number,
            latest_metrics.c.key == best.metric,
            latest_metrics.c.is_nan.is_(False),
            runs.c.lifecycle_stage == ACTIVE,
        )
        .order_by(order, latest_metrics.c.run)
        .limit(best.count)
    )


def used_runs(connection: Connection) -> set[str]:
    """Return the ids of runs that a live version stands on, itself or by a logged model."""
    uses = Uses.of(connection).by_id
    models = [one for one in uses if one.startswith("m-")]
    made = select_for(connection, _made, "some", models)
    return set(uses) | {row.source_run_id for row in made if row.source_run_id}
