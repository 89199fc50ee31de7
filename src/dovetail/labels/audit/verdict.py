"""Enough, or what would help: the audit's findings as reasons, and as labels with a price.

Each way is told with what it would do. Where that cannot be told it is said so; there is never a
number without a ground.
"""

from dataclasses import dataclass

import numpy as np

from dovetail.labels.audit.findings import Action, Class
from dovetail.labels.audit.noise import Noise
from dovetail.labels.audit.prospects import Curve, looks_needed

__all__ = ["Case", "actions_of", "few", "leaking", "reasons_of", "rows_to_ask", "silent"]

_FEW = 20
_GOLD = 30  # right labels of a class that narrow its errors to about a sixth either way
_POOR = 0.6  # share of a class's rows told, below which the class is named
_BLIND = 0.2  # agreement beyond chance below which predictions are no witness
_WORTH = 0.002  # change of the error that is worth naming


@dataclass(frozen=True)
class Case:
    """What a verdict rests on.

    Attributes:
        classes: Each label, in order.
        noise: How right labels are.
        target: Share of right labels that is enough.
        contradictions: Rows nearly the same as others with other labels.
        leaks: Rows nearly the same as others in other splits.
        curve: What more rows would do, where it was measured.
        price: What a label costs; 0 where it is not told.
        several: Whether several people labelled each row.
        agreed: Share of labels that predictions agree with, beyond chance.
        own: Whether the table brought the predictions.
    """

    classes: list[Class]
    noise: Noise
    target: float
    contradictions: int
    leaks: int
    curve: Curve | None
    price: float
    several: bool
    agreed: float = 1.0
    own: bool = True


def reasons_of(case: Case) -> list[str]:
    """Say what is not good enough; nothing where all is."""
    said = []
    noise = case.noise
    if noise.lower < case.target:
        said.append(
            f"labels may be only {noise.lower:.1%} right, below {case.target:.1%}: "
            "check the suspects"
        )
    if _is_blind(case):
        whose = "the predictions" if case.own else "those of a plain model"
        said.append(
            f"predictions agree with labels little more than chance does ({case.agreed:.0%} of the "
            f"way to always, {whose}): they tell no errors; give better ones with --predictions, "
            "or right labels of some rows with --gold"
        )
    said += [few(one.label, one.rows) for one in case.classes if one.rows < _FEW]
    for code in noise.beyond:
        one = case.classes[code]
        if one.rows >= _FEW and not _is_blind(case):
            said.append(_beyond(one))
    if case.contradictions:
        said.append(
            f"{case.contradictions} rows are nearly the same as others that have other labels: "
            "settle them"
        )
    if case.leaks:
        said.append(leaking(case.leaks))
    return said


def few(label: str, rows: int) -> str:
    """Say that a label has too few rows."""
    return f"{label!r} has {rows} rows: label {_FEW - rows} more"


def leaking(rows: int) -> str:
    """Say that rows are in two splits at once."""
    return f"{rows} rows are nearly the same as rows of another split: keep them in one"


def _is_blind(case: Case) -> bool:
    return case.agreed < _BLIND and case.noise.basis == "predictions"


def _beyond(one: Class) -> str:
    if one.wrong > one.missed:
        seen = f"{one.wrong / max(one.rows, 1):.0%} of {one.label!r} look wrong"
    else:
        real = one.rows - one.wrong + one.missed
        seen = f"{one.missed / max(real, 1):.0%} of what is really {one.label!r} look mislabelled"
    return (
        f"{seen}, more than predictions can tell: errors that many cannot be told from rows that "
        f"are just hard; label {_GOLD} rows by hand into a column of right labels, and audit "
        "again with --gold"
    )


def actions_of(case: Case) -> list[Action]:
    """Name labels that would help, what helps most first."""
    found = [*_gold(case), *_coverage(case), *_settle(case), *_again(case), *_more(case)]
    if not case.price:
        return found
    return [
        Action(a.kind, a.what, a.labels, a.effect, round(a.labels * case.price, 2)) for a in found
    ]


def _gold(case: Case) -> list[Action]:
    beyond = [case.classes[code].label for code in case.noise.beyond]
    if not beyond:
        return []
    names = ", ".join(repr(name) for name in beyond[:5])
    return [
        Action(
            "gold",
            f"rows about {names} with the right label, in a column for --gold",
            _GOLD * len(beyond),
            "tells errors from hard rows, which predictions cannot; then the rest of this list "
            "is worth reading",
        )
    ]


def _coverage(case: Case) -> list[Action]:
    return [
        Action(
            "new", f"new rows of {one.label!r}", _FEW - one.rows,
            f"{one.rows} rows are too few to learn a class from, or to test it",
        )
        for one in case.classes
        if one.rows < _FEW
    ]  # fmt: skip


def _settle(case: Case) -> list[Action]:
    if not case.contradictions:
        return []
    effect = "at least one of each group has a wrong label, or the instructions leave it open"
    return [Action("settle", "rows that contradict each other", case.contradictions, effect)]


def _again(case: Case) -> list[Action]:
    noise, issues = case.noise, case.noise.issues
    rows = sum(one.rows for one in case.classes)
    if (
        _is_blind(case)
        or not len(issues.suspects)
        or (noise.accuracy >= case.target and noise.lower >= case.target)
    ):
        return []
    many, then = looks_needed(issues.chance, issues.wrong, rows, case.target)
    least = min(noise.lower + then - noise.accuracy, then)
    effect = f"right labels from {noise.accuracy:.1%} to about {then:.1%} ({least:.1%} or more)"
    if then < case.target:
        effect += f"; {case.target:.1%} needs a second look at rows that are no suspects too"
    kind = "second" if case.several else "relabel"
    what = (
        "suspects, the surest first, by one more person"
        if case.several
        else ("suspects, the surest first, labelled again")
    )
    found = [Action(kind, what, many, effect)]
    curve = case.curve
    if curve and curve.cleaned[2] < -_WORTH:
        better, low, high = curve.cleaned
        found[0] = Action(
            kind, what, many,
            f"{effect}; a plain model without the suspects errs {-better:.1%} less often "
            f"({-high:.1%} to {-low:.1%})",
        )  # fmt: skip
    return found


def _more(case: Case) -> list[Action]:
    curve = case.curve
    if curve is None:
        return []
    change, low, high = curve.doubled
    if high > -_WORTH:
        return []
    effect = (
        f"a plain model errs {curve.error[-1]:.1%} of the time now; with twice the rows "
        f"{-change:.1%} less often ({max(-high, 0):.1%} to {-low:.1%})"
    )
    told = [one for one in case.classes if one.rows >= _FEW]
    poor = sorted((one for one in told if one.recall < _POOR), key=lambda one: one.recall)
    found = [Action("new", "new rows, as they come", curve.tested, effect)]
    return [
        Action(
            "new", f"new rows of {one.label!r}", one.rows,
            f"a plain model tells only {one.recall:.0%} of its rows",
        )
        for one in poor[:2]
    ] + found  # fmt: skip


def silent(curve: Curve | None, usable: bool) -> str:
    """Say why nothing is told of new rows; nothing where something is."""
    if not usable:
        return "whether new rows would help cannot be told: no column describes the rows"
    if curve is None:
        return "whether new rows would help cannot be told: there are too few to try"
    if curve.doubled[2] > -_WORTH:
        low, high = -curve.doubled[2], -curve.doubled[1]
        return (
            "whether new rows would help cannot be told from a plain model: twice as many would "
            f"change its error of {curve.error[-1]:.1%} by {-high:+.1%} to {-low:+.1%}"
        )
    return ""


def rows_to_ask(case: Case, label: np.ndarray, chance_order: np.ndarray) -> list[int]:
    """Rows to label by hand: of each class in doubt half suspects, half any, as they come.

    Args:
        case: The findings.
        label: int[rows], given labels.
        chance_order: int[s], suspects, the surest first.
    """
    rng = np.random.default_rng(0)
    doubt = np.zeros(len(label), bool)
    doubt[chance_order] = True
    asked: list[int] = []
    joint = case.noise.issues.joint
    for code in case.noise.beyond:
        away = joint[:, code].copy()
        away[code] = 0
        given = {code, int(away.argmax())}
        of = np.isin(label, list(given))
        half = _GOLD // 2
        asked += [int(r) for r in chance_order if label[r] in given][:half]
        rest = np.flatnonzero(of & ~doubt)
        asked += rng.choice(rest, min(half, len(rest)), replace=False).tolist()
    return list(dict.fromkeys(asked))
