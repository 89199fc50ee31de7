"""Is a table labelled well enough whose items have several labels at once?

Each class is a question of its own, does the item have it or not, and is audited as such; rows
that are nearly the same are looked for once. A class that is missing is found as one that is too
many is.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit.alike import Odd, excerpts, group, odd
from dovetail.labels.audit.auditor import audit_given
from dovetail.labels.audit.findings import Annotator, Asked, Audit, Doubt, SeveralAudit
from dovetail.labels.audit.lists import questions
from dovetail.labels.audit.reading import Columns, Given, read
from dovetail.labels.audit.verdict import few, leaking

if TYPE_CHECKING:
    import polars as pl

__all__ = ["audit_lists"]

_FEWEST = 5  # rows with a class, or without, that folds can be made of
_MOST = 100


def audit_lists(
    table: "pl.DataFrame", columns: Columns, target: float = 0.95, price: float = 0.0
) -> SeveralAudit:
    """Audit a table whose labels are lists.

    Args:
        table: Its rows; those without a list are left out, those with an empty one have no class.
        columns: Which column holds what; predictions are of each class by itself, and need not
            add up to one.
        target: Share of right answers to each question that is good enough.
        price: What one label costs.

    Raises:
        InvalidInputError: there is nothing to audit, or a class has no predictions.
    """
    asked, rare, near, first = [], [], None, None
    for name, rows, one, known in questions(table, columns, _FEWEST, _MOST):
        if one is None:
            rare.append((name, rows))
            continue
        given = read(one, known)
        first = first or given
        near = group(given.features, given.kinds) if near is None else near
        found = audit_given(replace(given, part=None), near, target, price)
        asked.append(Asked(name, rows, found))
    if first is None or near is None:
        raise InvalidInputError(
            "there is nothing to audit",
            why=f"no class is on {_FEWEST} rows, and missing on as many",
        )
    return _put_together(asked, rare, _leaks(first, near))


def _leaks(given: Given, near: np.ndarray) -> Odd:
    if given.part is None:
        return Odd(0, [])
    shown = [""] * len(near)
    several = np.unique(near[near != np.arange(len(near))])
    for row, text in excerpts(given.features, given.kinds, several).items():
        shown[row] = text
    return odd(near, given.part, given.rows, shown)


def _put_together(asked: list[Asked], rare: list[tuple[str, int]], leaks: Odd) -> SeveralAudit:
    audits = [one.audit for one in asked]
    reasons = [f"{one.label!r}: {reason}" for one in asked for reason in one.audit.reasons]
    reasons += [few(name, rows) for name, rows in rare]
    reasons += [leaking(leaks.rows)] if leaks.rows else []
    return SeveralAudit(
        rows=audits[0].rows,
        accuracy=_mean(audits, "accuracy"),
        lower=_mean(audits, "lower"),
        upper=_mean(audits, "upper"),
        basis=audits[0].basis,
        questions=asked,
        suspects=_doubts(asked),
        annotators=_people(audits),
        leaks=leaks.rows,
        leaking=leaks.groups,
        enough=not reasons,
        reasons=reasons,
        notes=[f"{one.label!r}: {note}" for one in asked for note in one.audit.notes],
    )


def _mean(audits: list[Audit], name: str) -> float:
    return float(np.mean([getattr(one, name) for one in audits]))


def _doubts(asked: list[Asked]) -> list[Doubt]:
    """All suspects, the surest first."""
    found = [
        Doubt(one.row, question.label, one.label == question.label, one.chance, one.excerpt)
        for question in asked
        for one in question.audit.suspects
    ]
    return sorted(found, key=lambda one: -one.chance)


def _people(audits: list[Audit]) -> list[Annotator]:
    """Everybody over all questions, the least accurate first."""
    of: dict[str, list[Annotator]] = {}
    for one in audits:
        for person in one.annotators:
            of.setdefault(person.name, []).append(person)
    found = []
    for name, parts in of.items():
        weight = [part.rows for part in parts]
        ends = (
            float(np.average([getattr(part, end) for part in parts], weights=weight))
            for end in ("accuracy", "lower", "upper")
        )
        found.append(Annotator(name, sum(weight), *ends))
    return sorted(found, key=lambda one: one.accuracy)
