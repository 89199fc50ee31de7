"""Dovetail's own HTTP surface for tidying a tracking store: plan, confirm, watch it go.

MLflow's protocol only marks things as deleted. Here they go for good, with their files: first a
plan is asked for, which changes nothing, then exactly that plan is confirmed by the mark that it
carries. Times are milliseconds since the Unix epoch.
"""

from typing import Any, Literal

import msgspec

from dovetail.wire.http import HttpClient, segment

__all__ = [
    "Client",
    "Compacted",
    "Confirmed",
    "ExperimentSize",
    "Going",
    "Job",
    "Kept",
    "LogEntry",
    "Orphan",
    "Orphans",
    "Plan",
    "SizesKnown",
    "Space",
    "TidyRequest",
]

Orphans = Literal["leave", "find", "remove"]
PREFIX = "/api/tracking/tidy"


class TidyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to go.

    Without names it is everything that has been deleted for longer than the grace period. Where
    something is named, only that goes, with all that belongs to it, deleted before or not.

    Attributes:
        grace_days: How long a deleted thing may still be restored; the server's setting if None.
        within: Only what lies in these experiments, by id; everywhere if empty.
        experiments: Named experiments, by id.
        runs: Named runs, by id.
        models: Named logged models, by id.
        orphans: Whether to look for files and datasets without an owner, and to remove them.
    """

    grace_days: float | None = None
    within: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    orphans: Orphans = "find"

    def has_names(self) -> bool:
        """Return whether something is named."""
        return bool(self.experiments or self.runs or self.models)


class Confirmed(TidyRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request of a plan again, with the mark that the plan carried."""

    confirm: str


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that goes.

    Attributes:
        kind: What it is.
        id: Its public id.
        name: Its name.
        experiment_id: Where it belongs.
        location: URI of its files.
        deleted: Since when it counts as deleted; None if it does not.
        files: How many files it has; None where nobody counted.
        bytes: How large they are together.
    """

    kind: Literal["experiment", "run", "model"]
    id: str
    name: str
    experiment_id: str
    location: str
    deleted: int | None = None
    files: int | None = None
    bytes: int | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would go but for a reason."""

    kind: Literal["experiment", "run", "model"]
    id: str
    name: str
    why: str


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """Files below the root of the store that no run, model or experiment owns.

    Attributes:
        path: Where, below the root.
        files: How many.
        bytes: How large together.
        newest: When the newest of them was written.
    """

    path: str
    files: int
    bytes: int
    newest: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would go, what would stay and why; nothing has happened yet.

    Attributes:
        confirm: The mark to confirm it by.
        as_of: When it was made.
        request: What was asked, with the grace period filled in.
        experiments: Experiments that go.
        runs: Runs that go.
        models: Logged models that go.
        kept: What would go but stays.
        rows: How many rows go, by table.
        files: Files that go with them, as far as they were counted.
        bytes: Their size together.
        counted: Whether the files of everything were counted.
        elsewhere: Locations that this server cannot reach, so that their files stay.
        orphans: Files that nobody owns.
        orphan_datasets: How many datasets no run reads any more.
        more: Whether further things fit the request but not into one plan.
    """

    confirm: str
    as_of: int
    request: TidyRequest
    experiments: tuple[Going, ...] = ()
    runs: tuple[Going, ...] = ()
    models: tuple[Going, ...] = ()
    kept: tuple[Kept, ...] = ()
    rows: dict[str, int] = {}
    files: int = 0
    bytes: int = 0
    counted: bool = True
    elsewhere: tuple[str, ...] = ()
    orphans: tuple[Orphan, ...] = ()
    orphan_datasets: int = 0
    more: bool = False

    def is_empty(self) -> bool:
        """Return whether nothing would go."""
        removes = self.request.orphans == "remove" and (self.orphans or self.orphan_datasets)
        return not (self.experiments or self.runs or self.models or removes)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A confirmed plan on its way.

    Attributes:
        id: Its id.
        state: `running`, `waiting` while something could not be removed yet, or `done`.
        actor: Who confirmed it.
        cause: What asked for it: `request` or `retention`.
        started: When.
        finished: When it was done.
        experiments: How many experiments the plan removes.
        runs: How many runs.
        models: How many logged models.
        orphans: How many folders without an owner.
        left: How many things still have rows or files.
        rows: Rows removed so far.
        files: Files removed so far.
        bytes: Their size together.
        problem: Why the last try could not remove something.
    """

    id: str
    state: Literal["running", "waiting", "done"]
    actor: str
    cause: str
    started: int
    finished: int | None = None
    experiments: int = 0
    runs: int = 0
    models: int = 0
    orphans: int = 0
    left: int = 0
    rows: int = 0
    files: int = 0
    bytes: int = 0
    problem: str = ""


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """The room that the database takes on disk.

    Attributes:
        kind: Which database it is.
        bytes: How large it is.
        free: How much of that deleted rows have left; None where the database does not say.
        incremental: Whether it can be given back a little at a time.
        note: What can be done about it.
    """

    kind: Literal["sqlite", "postgresql"]
    bytes: int
    free: int | None = None
    incremental: bool = False
    note: str = ""


class Compacted(msgspec.Struct, frozen=True, kw_only=True):
    """A database before and after compacting."""

    before: Space
    after: Space


class ExperimentSize(msgspec.Struct, frozen=True, kw_only=True):
    """How large an experiment was when it was measured; None for what was not.

    Attributes:
        id: The experiment.
        name: Its name.
        deleted: Whether it is marked as deleted.
        measured: When.
        runs: Runs, deleted ones too.
        models: Logged models, deleted ones too.
        points: Points of metrics.
        rows: Rows in all tables, points included.
        database: Their size in bytes, estimated.
        files: Files; None where this server cannot reach them.
        bytes: Their size.
    """

    id: str
    name: str
    deleted: bool
    measured: int | None = None
    runs: int | None = None
    models: int | None = None
    points: int | None = None
    rows: int | None = None
    database: int | None = None
    files: int | None = None
    bytes: int | None = None


class SizesKnown(msgspec.Struct, frozen=True, kw_only=True):
    """The size of every experiment as far as it was measured, and whether it is being measured."""

    experiments: tuple[ExperimentSize, ...]
    space: Space
    measuring: bool


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the hash-chained record of what was removed, by whom."""

    number: int
    at: str
    actor: str
    kind: str
    subject: str
    body: dict[str, Any] = {}
    previous: str = ""
    hash: str = ""


class Client(HttpClient):
    """A client of the tidying of a tracking server.

    Examples:
        >>> with Client("http://localhost:8080") as tidy:  # doctest: +SKIP
        ...     plan = tidy.plan(TidyRequest(grace_days=30))
        ...     job = tidy.execute(plan.request, plan.confirm)
    """

    def plan(self, request: TidyRequest) -> Plan:
        """Say what would go; nothing changes. Needs the role editor."""
        return self.post(f"{PREFIX}/plan", request, Plan, repeatable=True)

    def execute(self, request: TidyRequest, confirm: str) -> Job:
        """Remove exactly what a plan says. Needs the role admin.

        Args:
            request: What the plan was made for.
            confirm: The mark that the plan carries.

        Raises:
            Conflict: The store has changed since in a way that matters.
        """
        asked = Confirmed(**msgspec.structs.asdict(request), confirm=confirm)
        return self.post(f"{PREFIX}/execute", asked, Job)

    def job(self, job_id: str) -> Job:
        """How far a job is."""
        return self.get(f"{PREFIX}/jobs/{segment(job_id)}", Job)

    def jobs(self) -> list[Job]:
        """The newest jobs."""
        return self.get(f"{PREFIX}/jobs", list[Job])

    def log(self, *, limit: int = 100, before: int | None = None) -> list[LogEntry]:
        """The record of what was removed, newest first."""
        query = [("limit", str(limit))]
        query += [("before", str(before))] if before is not None else []
        return self.get(f"{PREFIX}/log", list[LogEntry], query)

    def sizes(self) -> SizesKnown:
        """How large each experiment was when it was last measured."""
        return self.get(f"{PREFIX}/sizes", SizesKnown)

    def measure(self) -> SizesKnown:
        """Begin to measure every experiment. Needs the role editor."""
        return self.post(f"{PREFIX}/sizes", {}, SizesKnown, repeatable=True)

    def compact(self, *, full: bool = False) -> Compacted:
        """Give the free space of a SQLite file back. Needs the role admin.

        Args:
            full: Write the file anew while writers wait, where it cannot be done in small pieces.
        """
        return self.post(f"{PREFIX}/compact", {"full": full}, Compacted, repeatable=True)
