"""What the handlers stand on: where artifacts lie, and what time it is."""

from dataclasses import dataclass

from dovetail.base.artifacts import ArtifactStore
from dovetail.base.clock import Clock, now_ms

__all__ = ["Backend"]


@dataclass(frozen=True)
class Backend:
    """The surroundings of every use case.

    Attributes:
        root: URI below which new experiments get their artifact location.
        artifacts: the store behind the artifact proxy.
        serves_artifacts: whether the proxy answers.
        clock: what time it is.
    """

    root: str
    artifacts: ArtifactStore
    serves_artifacts: bool
    clock: Clock

    def now(self) -> int:
        """Return the time in milliseconds since the Unix epoch."""
        return now_ms(self.clock)
