"""The use cases of routing, free of any transport."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from dovetail.base.errors import InvalidInputError
from dovetail.labels.backend import Backend
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.users import Users
from dovetail.labels.routing.offers import PEOPLE
from dovetail.labels.routing.served.records import Policy, Posterior, Records
from dovetail.labels.routing.served.reports import (
    Report,
    SourceReport,
    report_of,
    source_reports,
)
from dovetail.labels.routing.served.room import Room
from dovetail.labels.routing.served.rooms import Rooms
from dovetail.labels.sources.guarded import SourcePolicy
from dovetail.labels.sources.seam import SourceError
from dovetail.labels.sources.specs import Endpoint, Inference, MlBackend, Spec

if TYPE_CHECKING:
    from dovetail.labels.routing.forecast import Forecast

__all__ = ["Routing", "Wish"]

_MOST = 10_000


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a forecast is asked for; what is not given is that of the project."""

    quality: Annotated[float, Meta(gt=0.5, lt=1)] | None = None
    items: Annotated[int, Meta(ge=1, le=100_000_000)] | None = None
    floor: Annotated[int, Meta(ge=1, le=100)] | None = None
    most: Annotated[int, Meta(ge=1, le=1000)] | None = None
    audit: Annotated[float, Meta(ge=0, le=1)] | None = None
    accuracy: Annotated[float, Meta(gt=0, le=1)] = 0.85
    cost: Annotated[float, Meta(ge=0)] | None = None


class Routing:
    """Policies, sources and reports.

    Args:
        backend: The server's surroundings.
        projects: Its projects.
        users: Its people.
        rooms: The projects under a policy.
    """

    def __init__(self, backend: Backend, projects: Projects, users: Users, rooms: Rooms) -> None:
        self._projects, self._users, self._rooms = projects, users, rooms
        self._policy = SourcePolicy(backend.settings.source_allow)

    @property
    def _records(self) -> Records:
        return self._rooms.records

    def policy(self, project: int) -> Policy:
        """What is wanted of a project; switched off where nobody said.

        Raises:
            AbsentError: there is no such project.
        """
        self._projects.row(project)
        return self._records.policy(project) or Policy(enabled=False)

    def state(self, project: int, policy: Policy) -> Policy:
        """State what is wanted.

        Raises:
            AbsentError: there is no such project.
            FieldError: its config has nothing that can be routed, or the policy cannot be kept.
        """
        self._rooms.question(project, policy)
        if policy.floor > policy.most:
            raise FieldError(
                f"the floor of {policy.floor} answers is above the most, {policy.most}", "floor"
            )
        self._records.keep_policy(project, policy)
        self._rooms.forget(project)
        return policy

    def drop(self, project: int) -> None:
        """Leave a project to its own order again.

        Raises:
            AbsentError: there is no such project.
        """
        self._projects.row(project)
        self._records.forget(project)
        self._rooms.forget(project)

    def sources(self, project: int) -> list[SourceReport]:
        """The sources of a project and the people in it, with how they do."""
        return source_reports(self._room(project), self._names())

    def add(self, project: int, spec: Spec) -> Spec:
        """Add a source, or replace the one of its name.

        Raises:
            AbsentError: there is no such project.
            FieldError: it cannot be one, or its address may not be called.
        """
        self._projects.row(project)
        if spec.name.startswith(PEOPLE):
            raise FieldError(f"a source cannot be called {spec.name!r}", "name")
        if isinstance(spec, Inference | MlBackend | Endpoint):
            self._check_address(spec.url)
        self._rooms.opener.check(spec)
        known = self._records.specs(project)
        if spec.name not in {one.name for one in known}:
            if len(known) >= 100:
                raise FieldError("a project has 100 sources at most")
            if spec.kind_of == "people" and any(one.kind_of == "people" for one in known):
                raise FieldError("a project has one source of people", "kind")
        self._records.keep_spec(project, spec)
        self._rooms.forget(project)
        return spec

    def remove(self, project: int, name: str) -> None:
        """Remove a source; its answers stay.

        Raises:
            AbsentError: there is none of that name.
        """
        self._projects.row(project)
        if not self._records.drop_spec(project, name):
            raise AbsentError("source", name)
        self._rooms.forget(project)

    def report(self, project: int) -> Report:
        """Promised and achieved quality.

        Raises:
            AbsentError: there is no such project, or nobody stated what is wanted of it.
        """
        return report_of(self._room(project), self._names())

    def posteriors(self, project: int, after: int, limit: int) -> list[Posterior]:
        """How tasks stand, by id."""
        room = self._room(project)
        wanted = sorted(task for task in room.router.items() if task > after)
        return room.posteriors(wanted[: max(1, min(limit, _MOST))])

    def estimate(self, project: int, wish: Wish) -> "Forecast":
        """What reaching a target is likely to cost, before anybody starts.

        Raises:
            AbsentError: there is no such project.
            FieldError: its config has nothing that can be routed.
        """
        from dovetail.labels.routing.forecast import forecast
        from dovetail.labels.routing.policy import Target

        row = self._projects.row(project)
        policy = self._records.policy(project) or Policy()
        question = self._rooms.question(project, policy)
        most = policy.most if wish.most is None else wish.most
        floor = policy.floor if wish.floor is None else wish.floor
        target = Target(
            quality=policy.quality if wish.quality is None else wish.quality,
            floor=min(floor, most),
            most=most,
            audit=policy.audit if wish.audit is None else wish.audit,
        )
        cost = wish.cost
        if cost is None:
            people = [one for one in self._records.specs(project) if one.kind_of == "people"]
            cost = people[0].cost if people else 1.0
        items = wish.items or max(int(row.tasks), 1)
        return forecast(items, len(question.classes), target, accuracy=wish.accuracy, cost=cost)

    def specs(self, project: int) -> list[Spec]:
        """The descriptions of a project's sources, by name."""
        return self._records.specs(project)

    def is_stated(self, project: int) -> bool:
        """Whether anybody said what is wanted of a project."""
        return self._records.policy(project) is not None

    def functions(self) -> tuple[str, ...]:
        """The names of the operator's labelling functions; none where their file is wrong."""
        try:
            return tuple(self._rooms.opener.functions())
        except SourceError:
            return ()

    def _check_address(self, url: str) -> None:
        try:
            self._policy.check(url)
        except InvalidInputError as error:
            what = error.what.replace("Webhook URL", "the address")
            raise FieldError(what, "url", why=error.why, fix=error.fix) from error

    def _room(self, project: int) -> Room:
        self._projects.row(project)
        room = self._rooms.get(project)
        if room is None:
            raise AbsentError("routing policy of project", project)
        return room

    def _names(self) -> dict[int, str]:
        return dict(self._users.emails)
