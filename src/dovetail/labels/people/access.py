"""Who may do what in a project.

The house knows viewers, editors, approvers and admins of a whole workspace. Who is invited to a
project has a viewer's token, which changes nothing anywhere, and a membership that lets them do
what their role in that one project takes; they see no other project. An editor's token manages
every project, as it changes everything else in the house, so it is never what an annotator gets.

    house             membership   in that project
    admin .. editor   any or none  manager
    viewer            manager      everything but making and deleting projects
    viewer            reviewer     labels, sees everybody's answers, reviews, decides, exports
    viewer            annotator    labels; sees own answers, never others' or the gold
    viewer            of others    nothing
    viewer            none at all  looks at everything, changes nothing
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal

from dovetail.base.errors import ForbiddenError
from dovetail.base.sql import Database
from dovetail.labels.people import records
from dovetail.web.auth import Principal

__all__ = ["ROLES", "Access", "ProjectRole", "Standing"]

ProjectRole = Literal["looker", "annotator", "reviewer", "manager"]
ROLES: tuple[ProjectRole, ...] = ("annotator", "reviewer", "manager")
_ORDER: Mapping[str, int] = {"looker": 0, "annotator": 1, "reviewer": 2, "manager": 3}
_TRUSTED_S = 1.0

Standing = Mapping[int, ProjectRole]
"""A person's role by project."""


class Access:
    """Tells who may do what, from memberships that are read again after a second at most.

    Args:
        database: Where memberships are kept.
        clock: Seconds that never go back.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._lock = threading.Lock()
        self._members: Mapping[str, Standing] = {}
        self._until = -1.0

    def forget(self) -> None:
        """Read memberships again at the next question."""
        self._until = -1.0

    def standing(self, name: str) -> Standing | None:
        """Return a person's roles by project; None for who was never invited anywhere."""
        if self._clock() >= self._until:
            with self._lock:
                self._members = self._database.read(records.standings)
                self._until = self._clock() + _TRUSTED_S
        return self._members.get(name)

    def fresh(self, name: str) -> Standing | None:
        """Return the same without asking the database; None where it would have to be asked."""
        return self._members.get(name) if self._clock() < self._until else None

    def is_bound(self, principal: Principal) -> bool:
        """Return whether memberships say what a caller may do, rather than the house."""
        return not principal.may("editor") and self.standing(principal.name) is not None

    def role(self, principal: Principal, project: int) -> ProjectRole | None:
        """Return a caller's role in a project; None where it is closed to them."""
        if principal.may("editor"):
            return "manager"
        standing = self.standing(principal.name)
        if standing is None:
            return "looker"
        return standing.get(project)

    def need(self, principal: Principal, project: int, role: ProjectRole) -> ProjectRole:
        """Return a caller's role in a project if it includes `role`.

        Raises:
            ForbiddenError: it does not.
        """
        held = self.role(principal, project)
        if held is None or _ORDER[held] < _ORDER[role]:
            why = f"they are {_a(held)} there" if held else "they are not a member"
            raise ForbiddenError(
                f"{principal.name} may not do this in project {project}",
                why=f"it takes {_a(role)}, {why}",
                fix="ask a manager of the project",
            )
        return held

    def may_see_all(self, principal: Principal, project: int) -> bool:
        """Return whether a caller may see answers of others, and gold."""
        return self.role(principal, project) in ("looker", "reviewer", "manager")


def _a(role: str) -> str:
    return f"an {role}" if role == "annotator" else f"a {role}"
