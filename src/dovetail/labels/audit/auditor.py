"""Is this table labelled well enough to train on?

Put together from what is in the table: labels, a model's out-of-sample predictions, who labelled,
which rows are nearly the same. `cli.py` prints it, `report.py` makes a page of it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit.alike import Odd, apart, excerpts, group, odd
from dovetail.labels.audit.findings import Annotator, Audit, Class, Confusion, Suspect
from dovetail.labels.audit.guessing import guess
from dovetail.labels.audit.noise import FEW_GOLD, Noise, by_gold, by_people
from dovetail.labels.audit.people import by_answers, by_suspects
from dovetail.labels.audit.prospects import learning_curve
from dovetail.labels.audit.reading import Columns, Given, read
from dovetail.labels.audit.verdict import Case, actions_of, reasons_of, rows_to_ask, silent
from dovetail.labels.combining import combine_votes
from dovetail.labels.crowdlab import combine_model
from dovetail.labels.votes import Codes, Floats

if TYPE_CHECKING:
    import polars as pl

__all__ = ["audit", "audit_columns", "audit_given"]

_EXCERPTS = 2000
_CONFUSIONS = 20
_REVERSE = 0.25  # of the rows of one way, below which the other way is rare


def audit(
    table: "pl.DataFrame",
    label: str,
    predictions: dict[str, str],
    *,
    annotator: str = "",
    split: str = "",
    target: float = 0.95,
) -> Audit:
    """Audit the labels of a table.

    Args:
        table: Its rows; those without a label are left out.
        label: Column of the label.
        predictions: Column of each class's out-of-sample probability, by class; where there are
            none, a plain model of the other columns is cross-validated.
        annotator: Column of who labelled.
        split: Column of the split, such as train and test.
        target: Share of right labels that is good enough.

    Raises:
        InvalidInputError: a label has no predictions, or these are no probabilities.
    """
    return audit_columns(table, Columns(label, predictions, annotator, split=split), target)


def audit_columns(
    table: "pl.DataFrame", columns: Columns, target: float = 0.95, price: float = 0.0
) -> Audit:
    """Audit a table with all that is known of it.

    Args:
        table: Its rows; those without a label are left out.
        columns: Which column holds what.
        target: Share of right labels that is good enough.
        price: What one label costs.

    Raises:
        InvalidInputError: a label has no predictions, or these are no probabilities.
    """
    given = read(table, columns)
    return audit_given(given, group(given.features, given.kinds), target, price)


def audit_given(given: Given, near: Codes, target: float, price: float) -> Audit:
    """Audit a table that was read.

    Args:
        given: What it gives.
        near: int[rows], for each row the lowest one that is nearly the same.
        target: Share of right labels that is good enough.
        price: What one label costs.

    Raises:
        InvalidInputError: there are no predictions, and none can be made.
    """
    shown = given.shown
    if shown is None:
        try:
            shown = guess(given.features, given.kinds, given.label, len(given.names), apart(near))
        except InvalidInputError:  # nothing describes the items; people's answers may suffice
            if given.votes is None:
                raise
    return _found(_Seen(given, near, shown), target, price)


@dataclass
class _Seen:
    """A table with what is known of each row."""

    given: Given
    near: Codes
    shown: Floats | None


def _found(seen: _Seen, target: float, price: float) -> Audit:
    given = seen.given
    noise, label, people, shown = _noise(seen)
    suspects = noise.issues.suspects
    usable, curve = True, None
    try:
        curve = learning_curve(
            given.features, given.kinds, label, suspects, apart(seen.near), len(given.names)
        )
    except InvalidInputError:  # no column is of use to a plain model
        usable = False
    classes = _classes(given.names, label, noise, shown)
    names = [given.names[code] for code in label]
    oddities = _Oddities(seen, names)
    differ, leaks = oddities.labels, oddities.splits
    case = Case(
        classes, noise, target, differ.rows, leaks.rows, curve, price, given.votes is not None,
        _agreed(label, shown), given.shown is not None,
    )  # fmt: skip
    reasons, note = reasons_of(case), silent(curve, usable)
    return Audit(
        rows=len(label),
        accuracy=noise.accuracy,
        lower=noise.lower,
        upper=noise.upper,
        basis=noise.basis,
        classes=classes,
        suspects=_suspects(seen, noise, label),
        annotators=people,
        confusions=_confusions(given.names, noise),
        contradictions=differ.rows,
        leaks=leaks.rows,
        contradicting=differ.groups,
        leaking=leaks.groups,
        ask=[int(given.rows[row]) for row in rows_to_ask(case, label, suspects)],
        actions=actions_of(case),
        enough=not reasons,
        reasons=reasons,
        notes=[note] if note else [],
    )


def _noise(seen: _Seen) -> tuple[Noise, Codes, list[Annotator], Floats]:
    """How right labels are, the labels themselves, who gave them, and what tells them."""
    given, shown = seen.given, seen.shown
    if given.votes is None and shown is not None:
        noise = by_gold(given.label, shown, given.gold)
        people = by_suspects(given.who, noise.issues) if given.who else []
        return noise, given.label, people, shown
    assert given.votes is not None  # without predictions there are several people's answers
    if shown is None:
        posterior = combine_votes(given.votes)[1]
    else:
        posterior = combine_model(given.votes, shown)[1]
    label = posterior.argmax(1)
    people = by_answers(given.votes, posterior, given.people) if given.people else []
    noise = by_people(posterior)
    if (given.gold >= 0).sum() >= FEW_GOLD:
        noise = by_gold(label, posterior if shown is None else shown, given.gold)
    return noise, label, people, posterior if shown is None else shown


class _Oddities:
    """Rows that are nearly the same, but for their labels or their splits."""

    def __init__(self, seen: _Seen, names: list[str]) -> None:
        given, near = seen.given, seen.near
        several = np.unique(near[near != np.arange(len(near))])
        shown = [""] * len(near)
        for row, text in excerpts(given.features, given.kinds, several[:_EXCERPTS]).items():
            shown[row] = text
        self.labels = odd(near, names, given.rows, shown)
        self.splits = odd(near, given.part, given.rows, shown) if given.part else Odd(0, [])


def _suspects(seen: _Seen, noise: Noise, label: Codes) -> list[Suspect]:
    given, issues = seen.given, noise.issues
    texts = excerpts(given.features, given.kinds, issues.suspects[:_EXCERPTS])
    return [
        Suspect(
            int(given.rows[row]), given.names[label[row]], given.names[likely],
            round(float(chance), 4), texts.get(int(row), ""),
        )
        for row, likely, chance in zip(issues.suspects, issues.likely, issues.chance, strict=True)
    ]  # fmt: skip


def _agreed(label: Codes, shown: Floats) -> float:
    """Share of labels that are the likeliest prediction, beyond chance (Cohen's kappa)."""
    said, classes = shown.argmax(1), shown.shape[1]
    met = np.bincount(label, minlength=classes) @ np.bincount(said, minlength=classes)
    chance = float(met) / len(label) ** 2
    return (float((said == label).mean()) - chance) / max(1.0 - chance, 1e-9)


def _classes(names: list[str], label: Codes, noise: Noise, shown: Floats) -> list[Class]:
    joint = noise.issues.joint
    rows = np.bincount(label, minlength=len(names))
    wrong, missed = joint.sum(1) - np.diag(joint), joint.sum(0) - np.diag(joint)
    kept = np.ones(len(label), bool)
    kept[noise.issues.suspects] = False
    many = np.bincount(label[kept], minlength=len(names))
    hit = np.bincount(label[kept], shown.argmax(1)[kept] == label[kept], len(names))
    recall = hit / np.maximum(many, 1)
    return [
        Class(name, int(n), float(w), float(m), float(r))
        for name, n, w, m, r in zip(names, rows, wrong, missed, recall, strict=True)
    ]


def _confusions(names: list[str], noise: Noise) -> list[Confusion]:
    joint = noise.issues.joint
    off = joint - np.diag(np.diag(joint))
    given = np.maximum(joint.sum(1), 1e-9)
    found = []
    for place in np.argsort(-off, axis=None, kind="stable")[:_CONFUSIONS]:
        one, other = divmod(int(place), len(names))
        if off[one, other] < 1:
            break
        ways = "one way" if off[other, one] < _REVERSE * off[one, other] else "both ways"
        share = float(off[one, other] / given[one])
        found.append(Confusion(names[one], names[other], float(off[one, other]), share, ways))
    return found
