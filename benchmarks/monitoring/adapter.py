"""Monitoring as a target of scripts that compare detectors on the same data.

Tasks are functions of a reference and a current pandas frame; the ones that keep a fitted
reference return `(prepare, check)`. `DETECTORS` makes an alarm a day of a reference and days;
`ESTIMATORS` estimates the AUC of chunks without labels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from dovetail.monitoring import Monitor, Reference, Report, compare
from dovetail.monitoring.calibration import Calibration, expected_auc
from dovetail.monitoring.classical import ClassicalTests
from dovetail.monitoring.columns import Values, typed
from dovetail.monitoring.quality.estimate import Estimator
from dovetail.monitoring.quality.rows import Rows
from dovetail.monitoring.ui import html

Frame = Any
"""A pandas frame: numeric columns begin with n, categories with k."""
Task = tuple[Callable[[], Any], Callable[[Any], Any]]


def _columns(frame: Frame) -> dict[str, Values]:
    return {name: typed(frame[name].to_numpy()) for name in frame.columns}


def _fitted(*tests: str, kinds: str = "nk") -> Callable[[Frame, Frame], Task]:
    """A task that keeps a fitted reference and runs classical tests on columns of some kinds."""

    def task(ref: Frame, cur: Frame) -> Task:
        names = [name for name in ref.columns if name[0] in kinds]

        def prepare() -> ClassicalTests:
            return ClassicalTests(ref[names], tests=tests)

        def check(fitted: ClassicalTests) -> dict[str, float]:
            found = fitted.compare(cur[names]).results
            return {f"{one.column} {one.test}": one.statistic for one in found}

        return prepare, check

    return task


uni_default = _fitted("ks", "chi2")
uni_ks = _fitted("ks", kinds="n")
uni_cvm = _fitted("cvm", kinds="n")
uni_wasserstein = _fitted("wasserstein", kinds="n")
uni_chi2 = _fitted("chi2", kinds="k")
uni_psi = _fitted("psi")
uni_js = _fitted("js")
mv_mmd = _fitted("mmd")
mv_classifier = _fitted("classifier")
mv_pca = _fitted("pca")


def uni_evidence(ref: Frame, cur: Frame) -> Task:
    """A day of evidence on every column and on columns together."""

    def prepare() -> Reference:
        return Reference.fit(_columns(ref))

    def check(reference: Reference) -> float:
        return Monitor(reference).update(_columns(cur)).drift.evidence

    return prepare, check


def profile(ref: Frame, cur: Frame) -> int:
    """Summarise a reference; its size in bytes."""
    return len(Reference.fit(_columns(ref)).pack())


def report_json(ref: Frame, cur: Frame) -> Report:
    """Every test and distance of every column."""
    return compare(ref, cur)


def report_html(ref: Frame, cur: Frame) -> int:
    """The same as a page; its size in bytes."""
    return len(html.report_html(compare(ref, cur), "reference", "current").encode())


def perf_cbpe(ref: Frame, cur: Frame) -> Task:
    """The AUC to expect of unlabelled rows."""

    def prepare() -> Calibration:
        return Calibration.fit(ref["p"].to_numpy(), ref["y"].to_numpy(dtype=float))

    def check(fitted: Calibration) -> float | None:
        p = cur["p"].to_numpy()
        return expected_auc(p, fitted(p))

    return prepare, check


def _evidence(ref: Frame) -> Callable[[list[Frame]], Any]:
    monitor = Monitor(Reference.fit(_columns(ref)))
    return lambda days: np.array([monitor.update(_columns(day)).alarm for day in days])


def _isotonic(ref: Frame, chunks: list[Frame]) -> list[float | None]:
    fitted = Calibration.fit(ref["p"].to_numpy(), ref["y"].to_numpy(dtype=float))
    return [expected_auc(c["p"].to_numpy(), fitted(c["p"].to_numpy())) for c in chunks]


def _shifted(ref: Frame, chunks: list[Frame]) -> list[float | None]:
    names = [name for name in ref.columns if name[0] == "x"]

    def columns(frame: Frame) -> dict[str, Any]:
        return {name: frame[name].to_numpy() for name in names}

    labelled = Rows.read(ref["p"].to_numpy(), ref["y"].to_numpy())
    fitted = Estimator.fit(labelled, columns(ref))
    found = [fitted.estimate(Rows.read(c["p"].to_numpy()), columns(c)) for c in chunks]
    return [one.figures[0].value for one in found]


DETECTORS = {"evidence": _evidence}
ESTIMATORS = {"isotonic": _isotonic, "shifted": _shifted}
