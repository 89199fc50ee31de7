"""A closer look at a finding, made once, when it is about to become an alert.

It asks whether it is the data, in which parts of the rows the change sits, and for a few rows that
show it. Parts are found by comparing the day with the days before the change, whose rows the store
still has; where there are none, no part is named.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from dovetail.monitoring import scores as scoring
from dovetail.monitoring.clues import data_clues
from dovetail.monitoring.columns import Values
from dovetail.monitoring.concentration import Concentration, of_column, of_loss
from dovetail.monitoring.drift import join
from dovetail.monitoring.examples import example_rows, worst_rows
from dovetail.monitoring.loss import Loss
from dovetail.monitoring.messages import Context, guilty_columns
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.store import Located, Store
from dovetail.wire.monitoring import Drift

__all__ = ["Closer"]

_ROWS = 20_000
_FEWEST = 100
_BACK = timedelta(days=60)
_NAMED, _LOOKED = 3, 3
_Labelled = tuple[dict[str, Values], Floats, list[Located], Floats, Floats]


class Closer:
    """Looks closely at days.

    Args:
        store: The rows.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def drift(
        self,
        model: str,
        day: str,
        reference: Reference,
        found: Drift,
        columns: Mapping[str, Values],
        before: Sequence[int],
    ) -> Context:
        """Look at changed inputs.

        Args:
            model: The model.
            day: The day on which the evidence sufficed.
            reference: What it was compared with.
            found: The finding.
            columns: The day's values.
            before: Rows of the days before it, for what is usual.
        """
        guilty, profiles = guilty_columns(found), reference.streams
        located = self._store.located(model, reference.version, day)
        since = min((c.since for c in guilty if c.since), default=date.fromisoformat(day))
        then = self._inputs(model, reference.version, min(since.isoformat(), day))
        known = {profile.name: profile for profile in profiles}
        parts: list[Concentration] = []
        if len(next(iter(then.values()), ())) >= _FEWEST:
            for one in guilty[:_LOOKED]:
                if one.column in known and one.column in columns:
                    parts += of_column(known[one.column], columns, then)
        return Context(
            data_clues(profiles, guilty, columns, found.rows, before, then),
            example_rows(model, profiles, guilty, columns, located),
            _told(parts),
        )

    def loss(self, model: str, day: str, reference: Reference, found: Loss) -> Context:
        """Look at losses that have risen: labelled rows since the change beside those before."""
        since = found.since or day
        now = self._labelled(model, reference.version, since, day)
        if now is None:
            return Context()
        columns, losses, located, scores, labels = now
        last = (date.fromisoformat(since) - timedelta(days=1)).isoformat()
        before = self._labelled(model, reference.version, _back(since), last)
        parts: list[Concentration] = []
        if before is not None:
            parts = of_loss(
                _known(columns, losses),
                _known(before[0], before[1]),
                losses[np.isfinite(losses)],
                before[1][np.isfinite(before[1])],
            )
        told = _told(parts)
        named = [str(one["column"]) for one in told]
        shown = {name: columns[name] for name in [*named, *columns][:_LOOKED]}
        examples = worst_rows(model, shown, losses, scores, labels, located)
        return Context([], examples, told)

    def _inputs(self, model: str, version: str, before: str) -> dict[str, Values]:
        """The features of the latest rows before a day."""
        parts: list[Mapping[str, Any]] = []
        rows = 0
        days = [d for d in self._store.revisions(model, _back(before), before) if d < before]
        for day in reversed(days):
            requests = self._store.features(model, version, day)
            parts += requests
            rows += sum(len(next(iter(one.values()), ())) for one in requests)
            if rows >= _ROWS:
                break
        return join(parts) if parts else {}

    def _labelled(self, model: str, version: str, start: str, end: str) -> _Labelled | None:
        """Rows of some days with their losses, NaN where the label is not known; None for few."""
        columns: list[dict[str, Values]] = []
        losses, scores, labels, located = [], [], [], []
        rows = 0
        for day in reversed(self._store.revisions(model, start, end)):
            part = self._day(model, version, day)
            if part is None:
                continue
            columns.append(part[0])
            scores.append(part[1])
            labels.append(part[2])
            losses.append(_losses(part[1], part[2]))
            located += self._store.located(model, version, day)
            rows += int(np.isfinite(losses[-1]).sum())
            if rows >= _ROWS:
                break
        if rows < _FEWEST:
            return None
        found = (np.concatenate(side) for side in (losses, scores, labels))
        lost, said, came = found
        return join(columns), lost, located, said, came

    def _day(
        self, model: str, version: str, day: str
    ) -> tuple[dict[str, Values], Floats, Floats] | None:
        """Features, scores and labels of a day; None where they do not belong together."""
        requests = self._store.features(model, version, day)
        slices = [
            one
            for one in self._store.day(model, day)
            if (one.role, one.version) == ("live", version)
        ]
        if not requests or not slices:
            return None
        columns = join(requests)
        if {len(values) for values in columns.values()} != {len(slices[0].scores)}:
            return None
        return columns, slices[0].scores, slices[0].labels


def _back(day: str) -> str:
    return (date.fromisoformat(day) - _BACK).isoformat()


def _losses(scores: Floats, labels: Floats) -> Floats:
    """The log-loss where both are probabilities and 0 or 1, else the absolute error."""
    known = np.isfinite(scores) & np.isfinite(labels)
    found = np.full(len(scores), np.nan)
    s, y = scores[known], labels[known]
    binary = bool(len(s)) and bool(np.isin(y, (0.0, 1.0)).all()) and 0 <= s.min() <= s.max() <= 1
    found[known] = scoring.log_losses(s, y) if binary else np.abs(s - y)
    return found


def _known(columns: Mapping[str, Values], losses: Floats) -> dict[str, Values]:
    """The rows whose loss is known."""
    kept = np.flatnonzero(np.isfinite(losses))
    return {
        name: values[kept] if isinstance(values, np.ndarray) else [values[i] for i in kept]
        for name, values in columns.items()
    }


def _told(parts: Sequence[Concentration]) -> list[dict[str, Any]]:
    """The most telling parts, each once."""
    ordered = sorted(parts, key=lambda one: one.rows - one.share)
    unique = {(one.column, one.segment): one for one in reversed(ordered)}
    best = sorted(unique.values(), key=lambda one: one.rows - one.share)[:_NAMED]
    return [
        {"column": o.column, "segment": o.segment, "share": o.share, "rows": o.rows} for o in best
    ]
