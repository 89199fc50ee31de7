"""Routing: which source answers next, when to stop, and what the result is worth.

`need` says which items need another answer, `standing` what quality is promised and what was
achieved. Neither needs a server.
"""

import typing

from dovetail.base.lazy import lazy as _lazy

if typing.TYPE_CHECKING:
    from dovetail.labels.routing.belief import Belief, Known, believe
    from dovetail.labels.routing.policy import Need, Target, need
    from dovetail.labels.routing.promise import Estimate, Standing, standing

__all__ = [
    "Belief",
    "Estimate",
    "Known",
    "Need",
    "Standing",
    "Target",
    "believe",
    "need",
    "standing",
]

_HOMES = {
    "Belief": "belief",
    "Estimate": "promise",
    "Known": "belief",
    "Need": "policy",
    "Standing": "promise",
    "Target": "policy",
    "believe": "belief",
    "need": "policy",
    "standing": "promise",
}

__getattr__ = _lazy(__name__, _HOMES)
