"""Labels: answers of people, functions and models together, and one label that can be trusted.

What is here needs no server: `combine` turns answers into calibrated posteriors, `Live` keeps them
current as answers come.
"""

from dovetail.labels.audit.issues import Issues, find_issues
from dovetail.labels.combine import Combined, Quality, combine, combine_votes
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
