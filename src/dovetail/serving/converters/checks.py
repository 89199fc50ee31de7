"""Checks for values that are not finite, each made once.

Every transformer of scikit-learn checks its input. A form needs only the last of several checks
between which such a value stays what it is.
"""

from collections.abc import Sequence

from dovetail.serving.converters.model import AnyStep
from dovetail.serving.forms import Arithmetic, Core, Fill, Finite, Linear, Single

__all__ = ["lean"]


def lean(steps: Sequence[AnyStep], core: Core) -> tuple[AnyStep, ...]:
    """Leave out checks that a later one makes; a product makes one of its own.

    Args:
        steps: in order.
        core: what follows them.

    Returns:
        Steps that refuse the same rows.
    """
    last = Finite() if isinstance(core, Linear) else None
    kept = [
        step
        for index, step in enumerate(steps)
        if not (isinstance(step, Finite) and _is_made_later(step, [*steps[index + 1 :], last]))
    ]
    return tuple(kept)


def _is_made_later(check: Finite, after: Sequence[AnyStep | None]) -> bool:
    fills = False
    for step in after:
        if isinstance(step, Finite):
            return check.missing or (not fills and not step.missing)
        if not isinstance(step, Arithmetic | Single | Fill):
            return False
        fills |= isinstance(step, Fill)
    return False
