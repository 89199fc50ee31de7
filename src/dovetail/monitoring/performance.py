"""How a model does over any window: realised where outcomes are known, estimated where not.

Figures are computed from a day's arrays, which are kept in memory by the day's revision, so a
caller that asks for the last four weeks every day pays for one day.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from dovetail.monitoring import scores as scoring
from dovetail.monitoring.calibration import (
    ASSUMPTION,
    Calibration,
    expected_auc,
    expected_log_loss,
)
from dovetail.monitoring.classes import names_of, position
from dovetail.monitoring.named import named_rows
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.quality.realised import realised
from dovetail.monitoring.quality.rows import Rows
from dovetail.monitoring.store import Slice, Store
from dovetail.wire.monitoring import Figures

_KEPT_DAYS = 800
_AT_ONCE = 31


@dataclass(frozen=True)
class Choice:
    """Which predictions count.

    Attributes:
        role: "live" or "shadow".
        version: One version, or None for all.
    """

    role: str = "live"
    version: str | None = None

    def takes(self, part: Slice) -> bool:
        """Whether a slice of a day counts."""
        return part.role == self.role and self.version in (None, part.version)


class Days:
    """The days of all models as arrays, read once for each revision.

    Args:
        store: Where they come from.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, str], tuple[int, list[Slice]]] = OrderedDict()
        self._lock = threading.Lock()

    def between(self, model: str, start: str, end: str) -> dict[str, tuple[int, list[Slice]]]:
        """The days from start to end, both included, that hold anything, with their revision."""
        held = self._store.revisions(model, start, end)
        found = {day: (held[day], kept) for day, kept in self._known(model, held).items()}
        missing = [day for day in held if day not in found]
        for i in range(0, len(missing), _AT_ONCE):
            some = missing[i : i + _AT_ONCE]
            read = self._store.slices(model, some[0], some[-1])
            for day in some:
                found[day] = (held[day], read.get(day, []))
                self._keep(model, day, *found[day])
        return {day: found[day] for day in held}

    def _known(self, model: str, held: Mapping[str, int]) -> dict[str, list[Slice]]:
        """The days that are kept as they are."""
        found = {}
        with self._lock:
            for day, revision in held.items():
                kept = self._kept.get((model, day))
                if kept is not None and kept[0] == revision:
                    self._kept.move_to_end((model, day))
                    found[day] = kept[1]
        return found

    def _keep(self, model: str, day: str, revision: int, slices: list[Slice]) -> None:
        with self._lock:
            self._kept[(model, day)] = (revision, slices)
            self._kept.move_to_end((model, day))
            while len(self._kept) > _KEPT_DAYS:
                self._kept.popitem(last=False)


def measure(
    parts: Sequence[Slice],
    calibrations: dict[str, Calibration],
    classes: Mapping[str, Sequence[str]] | None = None,
) -> Figures:
    """All figures of a window.

    Args:
        parts: The slices that count.
        calibrations: By version, where a labelled reference is known. Estimates are given only
            when every prediction's version has one.
        classes: Names of the classes by version, where they have any.
    """
    total = sum(len(p.scores) for p in parts)
    if total == 0:
        return Figures()
    scores = np.concatenate([p.scores for p in parts])
    labels = np.concatenate([p.labels for p in parts])
    versions: dict[str, int] = {}
    for part in parts:
        versions[part.version] = versions.get(part.version, 0) + len(part.scores)
    known = np.isfinite(labels)
    several = any(p.choices is not None for p in parts)
    named = any(p.named is not None for p in parts)
    figures = Figures(
        predictions=total,
        outcomes=sum(p.outcomes for p in parts),
        versions=versions,
        positives=float(labels[known].mean()) if known.any() and not (several or named) else None,
        mean_score=_mean(scores),
    )
    if several:
        return _of_classes(figures, parts, classes or {})
    if named:
        return _of_names(figures, parts, classes or {})
    figures = _realised(figures, scores[known], labels[known])
    return _estimated(figures, parts, calibrations)


def _of_classes(
    figures: Figures, parts: Sequence[Slice], classes: Mapping[str, Sequence[str]]
) -> Figures:
    """Add the realised figures of a model of several classes, of as many as most rows have."""
    found = [(p.several, p.version) for p in parts if p.several is not None]
    widths = Counter(one.shares.shape[1] for one, _ in found for _ in one.labels)
    if not widths:
        return figures
    width = widths.most_common(1)[0][0]
    answers, labels = [], []
    for one, version in found:
        if one.shares.shape[1] == width:
            names = names_of(classes.get(version, ()), width)
            answers.append(one.shares.astype(np.float64))
            labels += [position(label, names) for label in one.labels]
    rows = Rows.read(np.concatenate(answers), labels, task="multiclass")
    measured = {m.name: m for m in realised(rows)}
    said: dict[str, Any] = {}
    for name in ("auc", "log_loss", "brier"):
        if name in measured and measured[name].value is not None:
            low, high = measured[name].low, measured[name].high
            said[name] = measured[name].value
            said[f"{name}_interval"] = None if low is None else (low, high)
    return msgspec.structs.replace(figures, **said)


def _of_names(
    figures: Figures, parts: Sequence[Slice], classes: Mapping[str, Sequence[str]]
) -> Figures:
    """Add the accuracy of a model that only names classes."""
    known = [names for p in parts if p.named and (names := classes.get(p.version))]
    rows = named_rows([p.named for p in parts if p.named], known[-1] if known else ())
    right = {m.name: m for m in realised(rows)}.get("accuracy") if rows is not None else None
    if right is None or right.value is None or right.low is None or right.high is None:
        return figures
    return msgspec.structs.replace(
        figures, accuracy=right.value, accuracy_interval=(right.low, right.high)
    )


def _mean(scores: Floats) -> float | None:
    finite = scores[np.isfinite(scores)]
    return float(finite.mean()) if len(finite) else None


def _realised(figures: Figures, scores: Floats, labels: Floats) -> Figures:
    """Add the realised figures; those that need probabilities or 0/1 outcomes stay out else."""
    scored = np.isfinite(scores)
    scores, labels = scores[scored], labels[scored]
    if len(scores) == 0 or not ((labels == 0) | (labels == 1)).all():
        return figures
    area = scoring.auc_figure(scores, labels)
    if area is not None:
        figures = msgspec.structs.replace(
            figures, auc=area.value, auc_interval=(area.low, area.high)
        )
    if scores.min() < 0 or scores.max() > 1:
        return figures
    loss = scoring.mean_figure(scoring.log_losses(scores, labels))
    brier = scoring.mean_figure(scoring.brier_losses(scores, labels))
    assert loss is not None
    assert brier is not None
    return msgspec.structs.replace(
        figures,
        log_loss=loss.value,
        log_loss_interval=(loss.low, loss.high),
        brier=brier.value,
        brier_interval=(brier.low, brier.high),
    )


def _estimated(
    figures: Figures, parts: Sequence[Slice], calibrations: dict[str, Calibration]
) -> Figures:
    if any(p.version not in calibrations for p in parts):
        return figures
    scores = np.concatenate([p.scores for p in parts])
    probabilities = np.concatenate([calibrations[p.version](p.scores) for p in parts])
    finite = np.isfinite(scores)
    return msgspec.structs.replace(
        figures,
        estimated_auc=expected_auc(scores[finite], probabilities[finite]),
        estimated_log_loss=expected_log_loss(scores[finite], probabilities[finite]),
        assumption=ASSUMPTION,
    )
