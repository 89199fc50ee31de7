"""Monitoring without a server: a watch over one model in the memory of a job or a notebook."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from dovetail.monitoring.columns import Values, typed
from dovetail.monitoring.drift import Watch, assess_tally, watch_inputs
from dovetail.monitoring.embedding import Embed
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.evidence import DaySums
from dovetail.monitoring.examples import Example, far_rows
from dovetail.monitoring.loss import Loss, assess_loss, watch_loss
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.performance import measure
from dovetail.monitoring.reference import Column, Reference
from dovetail.monitoring.store import Slice
from dovetail.monitoring.tally import Tally
from dovetail.wire.monitoring import Drift, Figures


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What one update said.

    Attributes:
        drift: How sure it is that the inputs have changed.
        loss: How sure it is that the loss has risen; None without labels.
        figures: Realised and estimated performance of these rows; None without scores.
        examples: Of an alarm of drift, the rows that are least like the reference.
    """

    drift: Drift
    loss: Loss | None = None
    figures: Figures | None = None
    examples: list[Example] = []

    @property
    def alarm(self) -> bool:
        """Whether the evidence is over the budget, for drift or for the loss."""
        return self.drift.alarm or (self.loss is not None and self.loss.alarm)


class _Kept(msgspec.Struct, frozen=True):
    """A watch at rest."""

    pools: bytes
    days: list[tuple[str, bytes]]

    @classmethod
    def of(cls, watch: Watch) -> "_Kept":
        return cls(watch.pack_pools(), [(day, sums.pack()) for day, sums in watch.days])

    def into(self, watch: Watch) -> None:
        watch.unpack_pools(self.pools)
        watch.days = [(day, DaySums.unpack(sums)) for day, sums in self.days]


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor at rest."""

    reference: str
    day: date | None
    watches: list[_Kept | None]


class Monitor:
    """Watches a model, one update a day.

    Args:
        reference: What the model was validated on, or its columns by name.
        alpha_per_year: The chance of any false alarm during 365 updates on which nothing changes;
            half goes to drift, half to the loss where the reference has labels.
        embed: Functions that make vectors of values, by column, where the reference had some.

    Example:
        >>> import numpy as np
        >>> r = np.random.default_rng(0)
        >>> monitor = Monitor({"wind": r.normal(10, 3, 2000)})
        >>> monitor.update({"wind": r.normal(10, 3, 300)}).alarm
        False
        >>> found = monitor.update({"wind": r.normal(14, 3, 300)})
        >>> found.alarm, found.drift.columns[0].column
        (True, 'wind')
    """

    def __init__(
        self,
        reference: Reference | Mapping[str, Column],
        *,
        alpha_per_year: float = 0.05,
        embed: Mapping[str, Embed] | None = None,
    ) -> None:
        if not isinstance(reference, Reference):
            reference = Reference.fit(reference, embed=embed)
        self.reference = reference
        self._alpha = reference.budget(alpha_per_year)
        self._inputs, self._losses = watch_inputs(reference), watch_loss(reference)
        self._inputs.embed = embed
        self._day: date | None = None

    def tally(self, rows: Mapping[str, Column], *, scores: Column | None = None) -> Tally:
        """Count a part of a day for `update`: parts of shards or hours add up with `+`.

        Raises:
            ReferenceInvalidError: Columns differ in length.
        """
        self._check(rows, scores, None)
        p = None if scores is None else _floats("scores", scores)
        return self._inputs.tally(self._read(rows), p)

    def update(
        self,
        rows: Mapping[str, Column] | Tally,
        *,
        scores: Column | None = None,
        labels: Column | None = None,
        day: date | None = None,
    ) -> Findings:
        """Add the rows of one day.

        Args:
            rows: The features by column, all of one length, or a whole day's tally.
            scores: The model's scores of these rows.
            labels: What came true, 0 or 1, missing where not known yet.
            day: Their date; by default the day after the last one, or today.

        Raises:
            ReferenceInvalidError: Columns differ in length, or a day is not after the last.
        """
        if not isinstance(rows, Tally):
            self._check(rows, scores, labels)
        at = self._next(day).isoformat()
        p = None if scores is None else _floats("scores", scores)
        read = None if isinstance(rows, Tally) else self._read(rows)
        seen = rows if isinstance(rows, Tally) else self._inputs.tally(read or {}, p)
        # Chance must not be the same in all monitors of a day, nor depend on what rows hold.
        about = f"{self.reference.model}\0{self.reference.version}"
        drift = assess_tally(self._inputs, at, seen, alpha=self._alpha, about=about)
        strange = far_rows(self.reference.columns, drift, read) if read and drift.alarm else []
        if p is None:
            return Findings(drift=drift, examples=strange)
        y = np.full(len(p), np.nan) if labels is None else _floats("labels", labels)
        loss = None
        known = np.isfinite(y)
        if self._losses is not None and known.any():
            loss = assess_loss(self._losses, at, p[known], y[known], alpha=self._alpha)
        version = self.reference.version
        calibration = self.reference.calibration
        figures = measure(
            [Slice("live", version, p, y)], {version: calibration} if calibration else {}
        )
        return Findings(drift=drift, loss=loss, figures=figures, examples=strange)

    def save(self) -> bytes:
        """Everything learnt since the reference, to go on elsewhere with `restore`."""
        kept = [None if w is None else _Kept.of(w) for w in (self._inputs, self._losses)]
        state = _State(reference=self.reference.digest, day=self._day, watches=kept)
        return msgspec.msgpack.encode(state)

    def restore(self, state: bytes) -> None:
        """Go on where another monitor of the same reference stood.

        Raises:
            ReferenceInvalidError: The state is none, or belongs to another reference.
        """
        try:
            found = msgspec.msgpack.decode(state, type=_State)
        except msgspec.DecodeError as error:
            raise ReferenceInvalidError("this is no state of a monitor", why=str(error)) from error
        if found.reference != self.reference.digest:
            raise ReferenceInvalidError(
                "the state belongs to another reference", fix="give the reference it was saved with"
            )
        for watch, kept in zip((self._inputs, self._losses), found.watches, strict=True):
            if watch is not None and kept is not None:
                kept.into(watch)
        self._day = found.day

    def _read(self, rows: Mapping[str, Column]) -> Mapping[str, Values]:
        if self.reference.views:
            return self._inputs.read(rows)
        return self._inputs.read({name: typed(values) for name, values in rows.items()})

    def _next(self, day: date | None) -> date:
        if day is None:
            day = datetime.now(UTC).date() if self._day is None else self._day + timedelta(days=1)
        if self._day is not None and day <= self._day:
            raise ReferenceInvalidError(
                f"day {day} is not after {self._day}", why="evidence grows day by day"
            )
        self._day = day
        return day

    @staticmethod
    def _check(rows: Mapping[str, Column], scores: Column | None, labels: Column | None) -> None:
        sizes = {name: len(values) for name, values in rows.items()}
        sizes |= {n: len(v) for n, v in (("scores", scores), ("labels", labels)) if v is not None}
        if len(set(sizes.values())) > 1:
            said = ", ".join(f"{name} {size}" for name, size in list(sizes.items())[:6])
            raise ReferenceInvalidError("the columns differ in length", why=said)


def _floats(name: str, values: Column) -> Floats:
    column = typed(values)
    if isinstance(column, list):
        raise ReferenceInvalidError(f"{name} are not numbers", why="there are strings among them")
    return column
