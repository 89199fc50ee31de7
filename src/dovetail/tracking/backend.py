"""What the handlers stand on: where artifacts lie, what time it is, and who is asking."""

from dataclasses import dataclass, replace

from dovetail.base.artifacts import ArtifactStore, S3Store
from dovetail.base.clock import Clock, now_ms
from dovetail.tracking.store.history import Change
from dovetail.tracking.transfers import Transfers

__all__ = ["Backend"]


@dataclass(frozen=True)
class Backend:
    """The surroundings of every use case.

    Attributes:
        root: URI below which new experiments get their artifact location.
        artifacts: the store behind the artifact proxy.
        serves_artifacts: whether the proxy answers.
        clock: what time it is.
        bucket: where clients put files by themselves, if this server can read it too.
        transfers: lets clients move large files in parts; None where the store does not.
        actor: who makes the request; None where nobody is known.
    """

    root: str
    artifacts: ArtifactStore
    serves_artifacts: bool
    clock: Clock
    bucket: S3Store | None = None
    transfers: Transfers | None = None
    actor: str | None = None

    def acting(self, actor: str | None) -> "Backend":
        """Return the same surroundings for a request of somebody."""
        return self if actor == self.actor else replace(self, actor=actor)

    def now(self) -> int:
        """Return the time in milliseconds since the Unix epoch."""
        return now_ms(self.clock)

    def change(self) -> Change:
        """Return when and by whom a change is made that is being asked for."""
        return Change(self.now(), self.actor)
