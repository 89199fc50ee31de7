"""How good each annotator is: by suspects where each row has one, by agreement where several."""

import numpy as np

from dovetail.labels.audit.findings import Annotator
from dovetail.labels.audit.issues import Issues
from dovetail.labels.combining import wilson
from dovetail.labels.votes import Codes, Floats, Votes

__all__ = ["by_answers", "by_suspects"]


def by_suspects(who: list[str], issues: Issues) -> list[Annotator]:
    """The share of each one's labels that is not wrong by estimate, the least first.

    Args:
        who: Who labelled each row.
        issues: The suspects among the rows; each one's are scaled to the estimated total.
    """
    names, code = np.unique(who, return_inverse=True)
    rows = np.bincount(code)
    found = np.bincount(code[issues.suspects], minlength=len(names))
    wrong = np.minimum(found * (issues.wrong / max(len(issues.suspects), 1)), rows)
    return _told(names.tolist(), rows, (rows - wrong).astype(float))


def by_answers(votes: Votes, posterior: Floats, people: tuple[str, ...]) -> list[Annotator]:
    """The expected share of each one's answers that is right, the least first.

    Args:
        votes: All answers.
        posterior: float[items, classes], what they come to, people and predictions together.
        people: Names of the sources.
    """
    sure = posterior[votes.item, votes.label]
    right = np.bincount(votes.source, sure, votes.sources).astype(float)
    return _told(list(people), np.bincount(votes.source, minlength=votes.sources), right)


def _told(names: list[str], rows: Codes, right: Floats) -> list[Annotator]:
    found = [
        Annotator(str(name), int(n), *wilson(float(r), int(n)))
        for name, n, r in zip(names, rows, right, strict=True)
    ]
    return sorted(found, key=lambda one: (one.accuracy, one.name))
