"""What a converter of one kind of estimator gives: a core, a head, and values worth trying."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dovetail.serving.errors import NotConvertibleError
from dovetail.serving.forms import Blocks, Core, Head, SimpleStep
from dovetail.serving.forms.steps import Points

AnyStep = SimpleStep | Blocks

__all__ = ["AnyStep", "ConvertedModel", "name_of", "refuse"]


@dataclass(frozen=True)
class ConvertedModel:
    """The last estimator of a pipeline, converted.

    Args:
        core: from features to scores.
        head: from scores to outputs.
        points: values worth trying, by feature, before `steps`.
        steps: what it does to features first.
    """

    core: Core
    head: Head
    points: Points
    steps: Sequence[AnyStep] = ()


def name_of(estimator: Any) -> str:
    """Return an estimator's class by which converters know it; empty for a class of a stranger."""
    kind = type(estimator)
    room = kind.__module__.partition(".")[0]
    return kind.__name__ if room in ("sklearn", "xgboost", "lightgbm") else ""


def refuse(estimator: Any, why: str = "") -> NotConvertibleError:
    """Return the error that names what has no compiled form."""
    kind = type(estimator).__name__
    return NotConvertibleError(f"{kind} has no compiled form", why=why)
