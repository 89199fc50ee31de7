"""Which lifecycle stages a view includes."""

from dovetail.tracking.store.experiments import ACTIVE, DELETED
from dovetail.wire.mlflow import ViewType

__all__ = ["stages_of"]

_STAGES: dict[str, tuple[str, ...]] = {
    "ACTIVE_ONLY": (ACTIVE,),
    "DELETED_ONLY": (DELETED,),
    "ALL": (ACTIVE, DELETED),
}


def stages_of(view: ViewType) -> tuple[str, ...]:
    """Return the lifecycle stages that a view includes."""
    return _STAGES[view]
