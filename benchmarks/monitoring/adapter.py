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
from dovetail.monitoring.columns import Values, typed
from dovetail.monitoring.columns import profile as summarise
from dovetail.monitoring.distances import chi_squared, kolmogorov_smirnov, psi, wasserstein

Frame = Any
"""A pandas frame: numeric columns begin with n, categories with k."""
Task = tuple[Callable[[], Any], Callable[[Any], Any]]


def _columns(frame: Frame) -> dict[str, Values]:
    return {name: typed(frame[name].to_numpy()) for name in frame.columns}


def _numeric(frame: Frame) -> dict[str, Any]:
    return {name: frame[name].to_numpy() for name in frame.columns if name[0] == "n"}


def uni_ks(ref: Frame, cur: Frame) -> Task:
    """Kolmogorov-Smirnov of every numeric column against a reference sorted once."""

    def prepare() -> dict[str, Any]:
        return {name: np.sort(values) for name, values in _numeric(ref).items()}

    def check(kept: dict[str, Any]) -> dict[str, float]:
        now = _numeric(cur)
        return {name: kolmogorov_smirnov(values, now[name])[0] for name, values in kept.items()}

    return prepare, check


def uni_wasserstein(ref: Frame, cur: Frame) -> dict[str, float]:
    """Wasserstein distance of every numeric column."""
    now = _numeric(cur)
    return {name: wasserstein(values, now[name]) for name, values in _numeric(ref).items()}


def uni_chi2(ref: Frame, cur: Frame) -> Task:
    """Chi-squared of every category against counts kept once."""

    def prepare() -> list[Any]:
        return [summarise(name, ref[name].to_numpy()) for name in ref.columns if name[0] == "k"]

    def check(kept: list[Any]) -> dict[str, float]:
        return {
            p.name: chi_squared(np.array(p.counts), p.count(typed(cur[p.name].to_numpy())))[1]
            for p in kept
        }

    return prepare, check


def uni_psi(ref: Frame, cur: Frame) -> Task:
    """Population stability index of every column against profiles kept once."""

    def prepare() -> list[Any]:
        return [summarise(name, values) for name, values in _columns(ref).items()]

    def check(kept: list[Any]) -> dict[str, float]:
        now = _columns(cur)
        found = {}
        for p in kept:
            sides = (np.array(p.counts), p.count(now[p.name]))
            merged = [np.bincount(p.groups(), weights=c).astype(np.int64) for c in sides]
            found[p.name] = psi(merged[0], merged[1])
        return found

    return prepare, check


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
    return compare(_columns(ref), _columns(cur))


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


DETECTORS = {"evidence": _evidence}
ESTIMATORS = {"isotonic": _isotonic}
