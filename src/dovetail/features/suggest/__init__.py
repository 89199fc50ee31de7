"""From raw tables to a first feature set: what would help to predict a label, measured.

`suggest` finds keys, times and joins, proposes features that use nothing which was not yet
known, ranks them by what they add on later questions, and writes those worth keeping as
definitions.
"""

from dovetail.features.suggest.run import check, suggest
from dovetail.features.suggest.suggestion import Feature, Suggestion

__all__ = ["Feature", "Suggestion", "check", "suggest"]
