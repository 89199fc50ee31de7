"""What routing keeps, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from msgspec import Meta, Struct
from sqlalchemy.engine import Connection

from dovetail.base.sql import Database, insert
from dovetail.labels.routing.served import tables as t
from dovetail.labels.sources.specs import Spec, decode, encode

__all__ = ["Policy", "Posterior", "Records", "Told"]


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a user wants of a project's labels.

    Attributes:
        enabled: Whether the router decides what is next.
        quality: Probability of being right at which an item is done.
        budget: What all answers together may cost; None for no limit.
        deadline: Unix time, seconds; None for none.
        floor: Answers that every item gets until answers are seen to agree.
        most: Answers at which an item is given up.
        audit: Share of done items that get a fresh answer.
        control: The control that is routed; the project's main one where it is empty.
    """

    enabled: bool = True
    quality: Annotated[float, Meta(gt=0.5, lt=1)] = 0.95
    budget: Annotated[float, Meta(ge=0)] | None = None
    deadline: float | None = None
    floor: Annotated[int, Meta(ge=1, le=100)] = 3
    most: Annotated[int, Meta(ge=1, le=1000)] = 20
    audit: Annotated[float, Meta(ge=0, le=1)] = 0.05
    control: str = ""


@dataclass(frozen=True)
class Told:
    """An answer that a machine gave, or a person gave to a done item.

    Attributes:
        task: The task's id.
        source: Who answered.
        label: What; None for an abstention.
        cost: What it cost.
        seconds: How long it took; None where nobody measured.
        is_fresh: Whether the item was done before.
        at: When, as the server stores times.
    """

    task: int
    source: str
    label: str | None
    cost: float
    seconds: float | None
    is_fresh: bool
    at: str


class Posterior(Struct, frozen=True, kw_only=True):
    """How one task stands.

    Attributes:
        task: Its id.
        label: The likeliest label.
        confidence: Its probability.
        answers: How many there are.
        is_done: Whether none is needed.
        posterior: Probability of each label.
    """

    task: int
    label: str
    confidence: float
    answers: int
    is_done: bool
    posterior: dict[str, float]


class Records:
    """The tables.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def policy(self, project: int) -> Policy | None:
        """What is wanted of a project; None where nobody said."""
        query = sa.select(t.policies.c.policy).where(t.policies.c.project == project)
        found = self._database.read(lambda c: c.execute(query).scalar())
        return None if found is None else msgspec.json.decode(found, type=Policy)

    def projects(self) -> list[int]:
        """The projects with a policy."""
        query = sa.select(t.policies.c.project)
        return self._database.read(lambda c: [row[0] for row in c.execute(query)])

    def keep_policy(self, project: int, policy: Policy) -> None:
        """Set what is wanted."""
        text = msgspec.json.encode(policy).decode()
        query = insert(t.policies, self._database.dialect).values(project=project, policy=text)
        query = query.on_conflict_do_update(index_elements=["project"], set_={"policy": text})
        self._database.write(lambda c: c.execute(query))

    def forget(self, project: int) -> None:
        """Forget all of a project but the answers of machines, which were paid for."""

        def write(c: Connection) -> None:
            for table in (t.policies, t.posteriors):
                c.execute(sa.delete(table).where(table.c.project == project))

        self._database.write(write)

    def clear_posteriors(self, project: int) -> None:
        """Forget how the tasks of a project stand."""
        query = sa.delete(t.posteriors).where(t.posteriors.c.project == project)
        self._database.write(lambda c: c.execute(query))

    def erase(self, project: int) -> None:
        """Forget all of a project."""

        def write(c: Connection) -> None:
            for table in (t.policies, t.sources, t.answers, t.posteriors, t.compounds, t.parts):
                c.execute(sa.delete(table).where(table.c.project == project))

        self._database.write(write)

    def specs(self, project: int) -> list[Spec]:
        """The sources of a project, by name."""
        query = sa.select(t.sources.c.spec).where(t.sources.c.project == project)
        query = query.order_by(t.sources.c.name)
        return self._database.read(lambda c: [decode(row[0]) for row in c.execute(query)])

    def keep_spec(self, project: int, spec: Spec) -> None:
        """Add or replace a source."""
        row = {"project": project, "name": spec.name, "spec": encode(spec)}
        query = insert(t.sources, self._database.dialect).values(row)
        query = query.on_conflict_do_update(index_elements=["project", "name"], set_=row)
        self._database.write(lambda c: c.execute(query))

    def drop_spec(self, project: int, name: str) -> bool:
        """Remove a source, and say whether there was one; its answers stay."""
        query = sa.delete(t.sources).where(t.sources.c.project == project, t.sources.c.name == name)
        return bool(self._database.write(lambda c: c.execute(query).rowcount))

    def tell(self, project: int, told: Sequence[Told]) -> None:
        """Keep answers, in place of earlier ones of the same source on the same task."""
        rows = [{"project": project, **vars(one)} for one in told]
        self._put(t.answers, rows, ["project", "task", "source"])

    def told(self, project: int) -> list[Told]:
        """All answers, oldest first."""
        query = sa.select(t.answers).where(t.answers.c.project == project).order_by(t.answers.c.at)
        rows = self._database.read(lambda c: c.execute(query).all())
        return [Told(r.task, r.source, r.label, r.cost, r.seconds, r.is_fresh, r.at) for r in rows]

    def keep_posteriors(self, project: int, found: Sequence[Posterior]) -> None:
        """Keep how tasks stand."""
        rows = [
            {
                "project": project, "task": one.task, "label": one.label,
                "confidence": one.confidence, "answers": one.answers, "is_done": one.is_done,
                "posterior": msgspec.json.encode(one.posterior).decode(),
            }
            for one in found
        ]  # fmt: skip
        self._put(t.posteriors, rows, ["project", "task"])

    def posteriors(self, project: int, after: int, limit: int) -> list[Posterior]:
        """How tasks stand, those with an id above `after`."""
        query = sa.select(t.posteriors).where(
            t.posteriors.c.project == project, t.posteriors.c.task > after
        )
        query = query.order_by(t.posteriors.c.task).limit(limit)
        rows = self._database.read(lambda c: c.execute(query).all())
        return [
            Posterior(
                task=r.task, label=r.label, confidence=r.confidence, answers=r.answers,
                is_done=r.is_done, posterior=msgspec.json.decode(r.posterior),
            )
            for r in rows
        ]  # fmt: skip

    def _put(self, table: sa.Table, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
        if not rows:
            return
        query = insert(table, self._database.dialect)
        rest = {name: query.excluded[name] for name in rows[0] if name not in keys}
        query = query.on_conflict_do_update(index_elements=list(keys), set_=rest)
        self._database.write(lambda c: c.execute(query, list(rows)))
