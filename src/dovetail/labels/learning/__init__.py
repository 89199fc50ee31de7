"""Learning from answers: an AI labeller, what to label next, and whether more is worth it.

What is here needs no server: `train` makes a `Labeller` from answered tasks, `choose` picks the
next items by a strategy, and a labeller's `advice` says what more answers would bring.
"""

import typing

from dovetail.base.lazy import lazy as _lazy

if typing.TYPE_CHECKING:
    from dovetail.labels.learning.advice import Advice
    from dovetail.labels.learning.labeller import Answered, Labeller, Predicted, Said, train
    from dovetail.labels.learning.saving import load, save
    from dovetail.labels.learning.strategies import DEFAULT, Pool, choose, strategy_names

__all__ = [
    "DEFAULT",
    "Advice",
    "Answered",
    "Labeller",
    "Pool",
    "Predicted",
    "Said",
    "choose",
    "load",
    "save",
    "strategy_names",
    "train",
]

_HOMES = {
    "DEFAULT": "strategies",
    "Advice": "advice",
    "Answered": "labeller",
    "Labeller": "labeller",
    "Pool": "strategies",
    "Predicted": "labeller",
    "Said": "labeller",
    "choose": "strategies",
    "load": "saving",
    "save": "saving",
    "strategy_names": "strategies",
    "train": "labeller",
}

__getattr__ = _lazy(__name__, _HOMES)
