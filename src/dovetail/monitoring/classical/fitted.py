"""The classical tests over a whole table: fitted once to a reference, then run on any rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.classical import joint
from dovetail.monitoring.classical.catalogue import TESTS, FittedColumn, apply, fit_column
from dovetail.monitoring.classical.corrections import CORRECTIONS
from dovetail.monitoring.classical.rows import Encoder, columns_of, fit_encoder, split_rows
from dovetail.monitoring.classical.samples import Sample, sample
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.numeric import Floats

ALL = "(all columns)"
"""What the tests that look at all columns together name as their column."""
_JOINT_ROWS = 2000
_JOINT_LEAST = 10


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one test found in one column.

    Attributes:
        column: The column, or "(all columns)".
        test: The test's name in the catalogue.
        statistic: Its value.
        p: Its p-value; None for a distance, which has none.
        adjusted: The p-value adjusted over all columns that the test was run on.
        drift: Whether the adjusted p-value is below alpha.
    """

    column: str
    test: str
    statistic: float
    p: float | None = None
    adjusted: float | None = None
    drift: bool = False

    __test__ = False  # pytest takes the name for its own


class TestResults(msgspec.Struct, frozen=True, kw_only=True):
    """What the classical tests found.

    Attributes:
        alpha: The level.
        correction: How p-values were adjusted over columns, for each test by itself.
        results: Smallest adjusted p-value first, distances last, largest first within a test.
        absent: Columns of the reference that are not there.
        changed: Columns that held numbers and now texts, or the other way round; not tested.
    """

    alpha: float
    correction: str
    results: list[TestResult]
    absent: list[str] = []
    changed: list[str] = []

    __test__ = False

    @property
    def drifted(self) -> list[str]:
        """The columns that any test names, strongest first."""
        return list(dict.fromkeys(r.column for r in self.results if r.drift))


class ClassicalTests:
    """Tests fitted to a reference.

    The reference is kept sorted and cut, at most 131,072 values a column, so that a look at new
    rows costs little more than sorting them.

    Args:
        reference: Columns by name: a mapping of arrays, lists or series, a pandas or polars frame
            or a PyArrow table. A column with any text in it is a category.
        tests: Names from `TESTS`; those that do not apply to a column's kind are skipped.
        alpha: The level of each test over all its columns.
        correction: "holm", "bonferroni", "benjamini-hochberg" or "none".
        seed: Seeds the rows, permutations and splits of the joint tests.

    Raises:
        InvalidInputError: There is no such test or correction.
        ReferenceInvalidError: The reference has no rows.

    Example:
        >>> import numpy as np
        >>> r = np.random.default_rng(0)
        >>> tests = ClassicalTests({"wind": r.normal(10, 3, 2000)}, tests=["ks", "psi"])
        >>> found = tests.compare({"wind": r.normal(11, 3, 500)})
        >>> found.drifted, found.results[0].test
        (['wind'], 'ks')
    """

    def __init__(
        self,
        reference: Any,
        *,
        tests: Sequence[str] = ("ks", "chi2"),
        alpha: float = 0.05,
        correction: str = "holm",
        seed: int = 0,
    ) -> None:
        check_names(tests, correction)
        self.tests, self.alpha, self.correction = tuple(tests), alpha, correction
        self._seed = seed
        columns = columns_of(reference)
        self._columns: dict[str, FittedColumn] = {}
        for name in columns:
            self._columns[name] = fit_column(sample(columns[name]))
        rows = next((one.sample.rows for one in self._columns.values()), 0)
        if not rows:
            raise ReferenceInvalidError("the reference has no rows", fix="give at least one column")
        self._encoder: Encoder | None = None
        self._rows: Floats | None = None
        if any(TESTS[name].joint for name in tests):
            learnt, looked = split_rows(rows, seed, _JOINT_ROWS)
            self._encoder = fit_encoder(columns, learnt)
            self._rows = self._encoder.encode(columns, looked)

    def column(self, name: str) -> FittedColumn:
        """The reference's column of this name."""
        return self._columns[name]

    def compare(self, current: Any) -> TestResults:
        """Run the tests on rows.

        Args:
            current: Columns as the reference has them; others are ignored.

        Raises:
            InvalidInputError: No column of the reference is there, or there are no rows.
        """
        columns = columns_of(current)
        shared = [name for name in self._columns if name in columns]
        if not shared:
            raise InvalidInputError("no column of the reference is there")
        found: list[TestResult] = []
        changed = []
        rows = 0
        for name in shared:
            now = sample(columns[name])
            rows = now.rows
            if not rows:
                raise InvalidInputError("there are no rows to compare")
            if is_changed(self._columns[name].sample, now):
                changed.append(name)
                continue
            found += self.test(name, now)
        found += self._jointly(columns, rows)
        return TestResults(
            alpha=self.alpha,
            correction=self.correction,
            results=self.rank(found),
            absent=[name for name in self._columns if name not in columns],
            changed=changed,
        )

    def test(self, name: str, now: Sample) -> list[TestResult]:
        """Run the tests on one column, without correction."""
        made = []
        for test in self.tests:
            outcome = apply(TESTS[test], self._columns[name], now)
            if outcome is not None:
                statistic, p = outcome
                made.append(TestResult(column=name, test=test, statistic=statistic, p=p))
        return made

    def rank(self, found: Iterable[TestResult]) -> list[TestResult]:
        """Adjust the p-values of each test over its columns, and order all results."""
        by_test: dict[str, list[TestResult]] = {}
        for one in found:
            by_test.setdefault(one.test, []).append(one)
        made: list[TestResult] = []
        for several in by_test.values():
            if several[0].p is None:
                made += several
                continue
            adjusted = CORRECTIONS[self.correction](np.array([one.p for one in several]))
            for one, p in zip(several, adjusted.tolist(), strict=True):
                made.append(msgspec.structs.replace(one, adjusted=p, drift=p < self.alpha))
        order = {name: i for i, name in enumerate(self.tests)}
        return sorted(made, key=lambda r: _rank(r, order))

    def _jointly(self, columns: Mapping[str, Any], rows: int) -> list[TestResult]:
        if self._encoder is None or self._rows is None:
            return []
        now = self._encoder.encode(columns, self._some(rows))
        found: list[TestResult] = []
        if min(len(self._rows), len(now)) < _JOINT_LEAST:
            return found
        for name in self.tests:
            if TESTS[name].joint:
                statistic, p = _joint(name, self._rows, now, self._seed)
                found.append(TestResult(column=ALL, test=name, statistic=statistic, p=p))
        return found

    def _some(self, rows: int) -> Any:
        """Which rows the joint tests see: all, or a bounded random sample in order."""
        if rows <= _JOINT_ROWS:
            return np.arange(rows)
        chosen = np.random.default_rng(self._seed).choice(rows, _JOINT_ROWS, replace=False)
        return np.sort(chosen)


def check_names(tests: Iterable[str], correction: str) -> None:
    """Refuse names that the catalogue does not have.

    Raises:
        InvalidInputError: There is no such test or correction.
    """
    for name in tests:
        if name not in TESTS:
            raise InvalidInputError(
                f"there is no test '{name}'", fix=f"choose from {', '.join(TESTS)}"
            )
    if correction not in CORRECTIONS:
        raise InvalidInputError(
            f"there is no correction '{correction}'", fix=f"choose from {', '.join(CORRECTIONS)}"
        )


def is_changed(then: Sample, now: Sample) -> bool:
    """Whether a column held numbers and now texts, or the other way round.

    A side without any value is of no kind, so it is not a change.
    """
    return type(then) is not type(now) and then.missing < then.rows and now.missing < now.rows


def _joint(name: str, x: Floats, y: Floats, seed: int) -> tuple[float, float | None]:
    if name == "mmd":
        found = joint.mmd(x, y, seed=seed)
        return found.unbiased, found.p
    if name == "classifier":
        told = joint.separation(x, y, seed=seed)
        return told.auc, told.p
    rebuilt = joint.reconstruction(x, y)
    return rebuilt.current / (rebuilt.reference or 1.0), rebuilt.p


def _rank(one: TestResult, order: Mapping[str, int]) -> tuple[float, float, int, float]:
    p = 2.0 if one.adjusted is None else one.adjusted
    return p, 2.0 if one.p is None else one.p, order.get(one.test, 0), -abs(one.statistic)
