"""Is this table labelled well enough to train on?

Put together from what is in the table: labels, a model's out-of-sample predictions, who labelled,
which rows are the same. `cli_audit.py` prints it.
"""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.audit.guessing import features_of, guess
from dovetail.labels.audit.issues import Issues, find_issues
from dovetail.labels.combine import wilson
from dovetail.labels.votes import Codes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Annotator", "Audit", "Class", "Suspect", "audit"]

_TOO_WRONG = 0.2  # of a class's labels: past it, neither count nor suspects can be relied on
_FEW = 20


class Suspect(msgspec.Struct, frozen=True):
    """A row whose label is likely wrong; rows count from 0."""

    row: int
    label: str
    likely: str


class Class(msgspec.Struct, frozen=True):
    """A label: how many rows have it, and how many of these are wrong by estimate."""

    label: str
    rows: int
    wrong: float


class Annotator(msgspec.Struct, frozen=True):
    """Who labelled, and the share of their labels that is not suspect, with a 95 % interval."""

    name: str
    rows: int
    accuracy: float
    lower: float
    upper: float


class Audit(msgspec.Struct, frozen=True):
    """What an audit found.

    Attributes:
        rows: Rows with a label.
        accuracy: Estimated share of right labels.
        lower: Lower end of its 95 % interval, from the number of rows alone.
        upper: Upper end.
        classes: Each label, in order.
        suspects: Rows likely wrong, the surest first.
        annotators: Who labelled, the least accurate first.
        contradictions: Rows that equal another in all else but have another label.
        leaks: Rows that equal a row of another split.
        enough: Whether it is good enough to train on.
        reasons: Why not, and what would help.
    """

    rows: int
    accuracy: float
    lower: float
    upper: float
    classes: list[Class]
    suspects: list[Suspect]
    annotators: list[Annotator]
    contradictions: int
    leaks: int
    enough: bool
    reasons: list[str]


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
    rows = np.flatnonzero(table[label].is_not_null().to_numpy())
    table = table[rows]
    given = [str(x) for x in table[label].to_list()]
    names = list(predictions) or sorted(set(given))
    place = {name: code for code, name in enumerate(names)}
    lacking = next((x for x in given if x not in place), None)
    if lacking is not None or not given:
        what = (
            f"the label {lacking!r} has no column of predictions" if given else "no row has a label"
        )
        raise InvalidInputError(what, fix="give a column for each class with --predictions")
    codes = np.array([place[x] for x in given])
    apart = [name for name in (label, annotator, split, *predictions.values()) if name]
    features = table.drop(apart)
    if predictions:
        shown = np.stack([_numbers(table, predictions[name]) for name in names], 1)
    else:
        shown = guess(features_of(features), codes, len(names))
    issues = find_issues(codes, shown)
    classes = _classes(names, codes, issues)
    share, lower, upper = wilson(len(given) - issues.wrong, len(given))
    contradictions, leaks = _same(features, table, label, split)
    reasons = _reasons(classes, lower, target, contradictions, leaks)
    suspects = [
        Suspect(int(rows[r]), names[codes[r]], names[c])
        for r, c in zip(issues.suspects, issues.likely, strict=True)
    ]
    people = _annotators(table, annotator, issues) if annotator else []
    found = suspects, people, contradictions, leaks, not reasons, reasons
    return Audit(len(given), share, lower, upper, classes, *found)


def _numbers(table: "pl.DataFrame", name: str) -> np.ndarray:
    try:
        return table[name].to_numpy().astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"column {name!r} holds values that are no probabilities"
        ) from error


def _classes(names: list[str], codes: Codes, issues: Issues) -> list[Class]:
    rows = np.bincount(codes, minlength=len(names))
    wrong = issues.joint.sum(1) - np.diag(issues.joint)
    return [Class(n, int(r), float(w)) for n, r, w in zip(names, rows, wrong, strict=True)]


def _annotators(table: "pl.DataFrame", annotator: str, issues: Issues) -> list[Annotator]:
    who = [str(x) for x in table[annotator].to_list()]
    names, code = np.unique(who, return_inverse=True)
    rows = np.bincount(code)
    wrong = np.bincount(code[issues.suspects], minlength=len(names))
    found = [
        Annotator(str(name), int(n), *wilson(float(n - w), int(n)))
        for name, n, w in zip(names, rows, wrong, strict=True)
    ]
    return sorted(found, key=lambda one: one.accuracy)


def _same(
    features: "pl.DataFrame", table: "pl.DataFrame", label: str, split: str
) -> tuple[int, int]:
    """Rows that equal another in all features: with another label, and in another split."""
    if not features.width:
        return 0, 0
    values = features.to_dict(as_series=False)
    kinds: dict[tuple[str, ...], tuple[set[str], set[str], list[int]]] = {}
    labels = table[label].to_list()
    splits = table[split].to_list() if split else [""] * len(labels)
    for row, key in enumerate(zip(*values.values(), strict=True)):
        told = kinds.setdefault(tuple(map(repr, key)), (set(), set(), []))
        told[0].add(str(labels[row]))
        told[1].add(str(splits[row]))
        told[2].append(row)
    apart = sum(len(rows) for said, _, rows in kinds.values() if len(said) > 1)
    leaks = sum(len(rows) for _, parts, rows in kinds.values() if len(parts) > 1)
    return apart, leaks


def _reasons(
    classes: list[Class], lower: float, target: float, contradictions: int, leaks: int
) -> list[str]:
    """Say what is not good enough, and what would help."""
    said = []
    if lower < target:
        said.append(f"labels may be only {lower:.1%} right, below {target:.1%}: check the suspects")
    for one in classes:
        if one.rows < _FEW:
            said.append(f"{one.label!r} has {one.rows} rows: label {_FEW - one.rows} more")
        elif one.wrong > _TOO_WRONG * one.rows:
            share = one.wrong / one.rows
            said.append(
                f"{share:.0%} of {one.label!r} look wrong, more than predictions can tell: "
                "label 100 of them by hand again"
            )
    if contradictions:
        said.append(f"{contradictions} rows equal others but have other labels: settle them")
    if leaks:
        said.append(f"{leaks} rows are in several splits: keep each in one")
    return said
