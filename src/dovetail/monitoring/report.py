"""Two tables compared once: which columns differ, by how much, and does the model still hold.

This is the one-shot look of a notebook or a nightly job. A single comparison may use ordinary
tests, so each column gets a p-value, adjusted over all columns so that the verdict errs with
probability alpha at most. A comparison that repeats every day needs the evidence of `drift.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.calibration import Calibration
from dovetail.monitoring.classical import ClassicalTests, TestResults
from dovetail.monitoring.classical.catalogue import TESTS, fit_column
from dovetail.monitoring.classical.fitted import check_names, is_changed
from dovetail.monitoring.classical.joint import Separation
from dovetail.monitoring.classical.rows import columns_of
from dovetail.monitoring.classical.samples import Coded, sample
from dovetail.monitoring.columns import typed
from dovetail.monitoring.difference import Comparison, Test, difference
from dovetail.monitoring.distances import holm
from dovetail.monitoring.embedding import Embed
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.performance import measure
from dovetail.monitoring.profile_report import Binned, figures_of
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.store import Slice
from dovetail.monitoring.together import Joint, Together
from dovetail.monitoring.view_report import Far, Looked, looked
from dovetail.monitoring.views import expand
from dovetail.wire.monitoring import Figures

__all__ = ["Comparison", "Joint", "Report", "compare"]


_FAR = 15


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of two tables.

    Attributes:
        verdict: "drift" or "no drift".
        alpha: The chance that the verdict is "drift" though nothing changed.
        rows: Rows of the reference and now.
        columns: The columns that both have, what changed most first.
        joint: All columns together, so that a change of correlations is seen; None with fewer
            than 100 rows (200 of the reference), one column, or more than about 100.
        absent: Columns of the reference that are no longer there; they count as drift.
        added: Columns that the reference did not have.
        skipped: Columns of the reference that were not compared, and why not.
        performance: Figures on the reference and now, where scores were named.
        tests: The classical tests that were asked for; the verdict does not rest on them.
        far: Of vectors, texts and images that differ, the rows now that are farthest from the
            reference.
    """

    verdict: str
    alpha: float
    rows: tuple[int, int]
    columns: list[Comparison]
    joint: Joint | None = None
    absent: list[str] = []
    added: list[str] = []
    skipped: dict[str, str] = {}
    performance: tuple[Figures, Figures] | None = None
    tests: TestResults | None = None
    far: list[Far] = []

    @property
    def drifted(self) -> list[Comparison]:
        """The columns that differ, what changed most first."""
        return [column for column in self.columns if column.drift]


def compare(
    reference: Any,
    current: Any,
    *,
    alpha: float = 0.05,
    score: str = "",
    label: str = "",
    ignore: Sequence[str] = (),
    tests: Sequence[str] = (),
    correction: str = "holm",
    embed: Mapping[str, Embed] | None = None,
) -> Report:
    """Compare two tables.

    Args:
        reference: Columns of the reference: a mapping of arrays, lists or series, a pandas or
            polars frame, a PyArrow table, or what `files.read_columns` returned. Or a `Reference`,
            which has no rows: then both sides are told by its bins (`profile_report.py`), and
            columns are not looked at together.
        current: Columns now; where the reference is a `Reference`, this may be one too.
        alpha: The chance of a false verdict.
        score: The column of scores, if any; it is compared too.
        label: The column of outcomes, if any; it is not compared.
        ignore: Columns that are not compared, such as identifiers.
        tests: Classical tests to run besides, by name; see `classical.TESTS`.
        correction: How their p-values are adjusted over columns.
        embed: For some columns a function that makes vectors of values, or the URL of a served
            model that does. Columns of vectors, images and texts are compared by several numbers
            each (`views.py`).

    Raises:
        InvalidInputError: A named column is not in the reference, no column is in both, or there
            is no such test or correction.
    """
    other = current if isinstance(current, Reference) else None
    now: Mapping[str, Any] = Binned(other, score) if other else columns_of(current)
    if isinstance(reference, Reference):
        before: Mapping[str, Any] = Binned(reference, score, other)
        now = now if other else expand(reference.views, now, embed)
        _refuse_joint(tests)
    elif other:
        raise InvalidInputError(
            "a profile is compared with a profile only",
            why="the reference is a table, whose rows are not counted in bins",
            fix="make a profile of the reference, like the other one",
        )
    else:
        before = columns_of(reference)
    for name in filter(None, (score, *ignore, "" if isinstance(before, Binned) else label)):
        if name not in before:
            raise InvalidInputError(f"the reference has no column '{name}'")
    skipped = _skipped(before, ignore)
    left_out = {label, *skipped}
    shared = [name for name in before if name in now and name not in left_out]
    if not shared:
        raise InvalidInputError("the two tables have no column in common")
    found, seen = _differences(before, now, shared, embed or {})
    columns, joint = _judge(found, seen.together, alpha)
    classical = None
    if tests:
        check_names(tests, correction)
        chosen = {name: before[name] for name in shared if name not in seen.views}
        if chosen:
            fitted = ClassicalTests(chosen, tests=tests, alpha=alpha, correction=correction)
            classical = fitted.compare({name: _beside(before, now, name) for name in chosen})
    absent = [name for name in before if name not in now and name not in left_out]
    changed = absent or (joint and joint.drift) or any(c.drift for c in columns)
    return Report(
        verdict="drift" if changed else "no drift",
        alpha=alpha,
        rows=seen.rows,
        columns=sorted(columns, key=lambda c: (not c.drift, c.p, -c.psi)),
        joint=joint,
        absent=absent,
        added=[name for name in now if name not in before and name != label],
        skipped=skipped,
        performance=_performance(before, now, score, label) if score else None,
        tests=classical,
        far=[one for one in seen.far if any(_is_of(one, c) for c in columns if c.drift)][:_FAR],
    )


def _is_of(far: Far, column: Comparison) -> bool:
    return column.column.startswith(f"{far.column}: ")


def _skipped(before: Mapping[str, Any], ignore: Sequence[str]) -> dict[str, str]:
    """The columns of the reference that are not compared, and why not."""
    found = dict.fromkeys(getattr(before, "nested", ()), "holds records, bytes or lists of texts")
    types = getattr(before, "types", {})
    moving = [name for name in before if types.get(name, "").startswith(("timestamp", "date"))]
    found |= dict.fromkeys(moving, "holds moments, which move on by themselves")
    return found | dict.fromkeys(ignore, "ignored, as asked")


def _types(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str] | None:
    """What both tables say that a column holds, where they say so in the same words."""
    said = [getattr(table, "types", {}).get(name, "") for table in (before, now)]
    plain = {"number", "text"}
    if not all(said) or (said[0] in plain) != (said[1] in plain):
        return None
    return said[0], said[1]


def _beside(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> Any:
    """The current side of a column, told as the reference's is."""
    return before.beside(name, now[name]) if isinstance(before, Binned) else now[name]


def _refuse_joint(tests: Sequence[str]) -> None:
    for name in tests:
        if name in TESTS and TESTS[name].joint:
            raise InvalidInputError(
                f"the test '{name}' needs the rows of the reference",
                why="a profile has none",
                fix="leave it out, or give the reference as a table",
            )


Found = list[tuple[Comparison, list[Test]]]


@dataclass
class _Seen:
    """What was seen besides while columns passed by.

    Attributes:
        rows: Rows of both tables.
        together: How far all columns tell them apart.
        views: The columns of vectors, texts and images.
        far: Rows of those that are far from the reference.
    """

    rows: tuple[int, int] = (0, 0)
    together: Separation | None = None
    views: list[str] = field(default_factory=list)
    far: list[Far] = field(default_factory=list)


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], shared: list[str], embed: Mapping[str, Embed]
) -> tuple[Found, _Seen]:
    """Each column's difference, and what is seen besides. Every column is read once."""
    found: Found = []
    seen = _Seen()
    together: Together | None = None
    for name in shared:
        values = (before[name], _beside(before, now, name))
        several = None if isinstance(before, Binned) else looked(name, *values, embed)
        if several is not None:
            columns, far = several
            seen.views.append(name)
            seen.far += far
        else:
            columns = [Looked(name, values[0], values[0], values[1])]
        for one in columns:
            then, here = sample(one.tested), sample(one.now)
            seen.rows = (then.rows, here.rows) if several is None else (len(one.before), here.rows)
            if not all(seen.rows):
                raise InvalidInputError("one of the two tables has no rows")
            types = None if several else _types(name, before, now)
            found.append(difference(one.name, fit_column(then), here, types))
            if isinstance(before, Binned):
                continue
            together = together or Together(*seen.rows)
            if not is_changed(then, here):
                together.add(one.name, one.before, one.now)
    seen.together = together.separation() if together else None
    return found, seen


def _judge(
    found: Found, separation: Separation | None, alpha: float
) -> tuple[list[Comparison], Joint | None]:
    """Each column with its smallest p-value, adjusted over all tests of all columns."""
    all_p = [p for _, several in found for _, _, p in several]
    if separation is not None:
        all_p.append(separation.p)
    adjusted = iter(holm(np.array(all_p)).tolist() if all_p else [])
    judged = []
    for made, several in found:
        mine = [(next(adjusted), test) for test in several]
        if mine:
            p, (name, statistic, _) = min(mine, key=lambda pair: pair[0])
            made = msgspec.structs.replace(
                made, p=p, test=name, statistic=statistic, drift=p < alpha
            )
        judged.append(made)
    if separation is None:
        return judged, None
    p = next(adjusted)
    return judged, Joint(auc=separation.auc, p=p, drift=p < alpha)


def _performance(
    reference: Mapping[str, Any], current: Mapping[str, Any], score: str, label: str
) -> tuple[Figures, Figures] | None:
    if score not in current:
        return None
    if isinstance(current, Binned) and isinstance(reference, Binned):
        return figures_of(reference.reference), figures_of(current.reference)
    if isinstance(reference, Binned):
        now = Slice("live", "", _number(current, score), _labels(current, score, label))
        calibration = reference.reference.calibration
        known = measure([now], {"": calibration} if calibration else {})
        return figures_of(reference.reference), known
    before = Slice("live", "", _number(reference, score), _labels(reference, score, label))
    now = Slice("live", "", _number(current, score), _labels(current, score, label))
    labelled = np.isfinite(before.scores) & np.isfinite(before.labels)
    calibrations = {}
    if labelled.any():
        calibrations[""] = Calibration.fit(before.scores[labelled], before.labels[labelled])
    return measure([before], calibrations), measure([now], calibrations)


def _number(columns: Mapping[str, Any], name: str) -> Floats:
    values = columns[name]
    if isinstance(values, Coded):
        raise InvalidInputError(f"column '{name}' does not hold numbers")
    found = typed(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if isinstance(found, list):
        raise InvalidInputError(f"column '{name}' does not hold numbers")
    return found


def _labels(columns: Mapping[str, Any], score: str, label: str) -> Floats:
    if label and label in columns:
        return _number(columns, label)
    return np.full(len(columns[score]), np.nan)
