"""Labels: answers of people, functions and models together, and one label that can be trusted.

What is here needs no server: `combine` turns answers into calibrated posteriors, `Live` keeps them
current as answers come.
"""

import typing

from dovetail.base.lazy import lazy as _lazy

if typing.TYPE_CHECKING:
    from dovetail.labels.audit.issues import Issues, find_issues
    from dovetail.labels.combining import Combined, Quality, combine, combine_votes
    from dovetail.labels.crowdlab import WithModel, combine_model
    from dovetail.labels.live import Live
    from dovetail.labels.votes import Votes

__all__ = [
    "Combined",
    "Issues",
    "Live",
    "Quality",
    "Votes",
    "WithModel",
    "combine",
    "combine_model",
    "combine_votes",
    "find_issues",
]

_HOMES = {
    "Combined": "combining",
    "Issues": "audit.issues",
    "Live": "live",
    "Quality": "combining",
    "Votes": "votes",
    "WithModel": "crowdlab",
    "combine": "combining",
    "combine_model": "crowdlab",
    "combine_votes": "combining",
    "find_issues": "audit.issues",
}

__getattr__ = _lazy(__name__, _HOMES)
