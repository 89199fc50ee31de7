"""Windows that are counted in events, for many questions at once.

An event is visible from the later of its two times. Walking the events of a key as they become
visible, the n last ones in the order of events change at each step; here they are found for all
steps at once: the highest so far, then the highest of those that it displaced, and so on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dovetail.features.asof import CODE
from dovetail.features.frames import EVENT, KNOWN
from dovetail.features.measures import Measure
from dovetail.features.views import WindowView

if TYPE_CHECKING:
    import polars as pl

NOTHING = -1


def as_series(name: str, value: Any) -> "pl.Series":
    """Return what an aggregation computed as a Series; NaN of an array is null."""
    import polars as pl

    return (
        value.alias(name)
        if isinstance(value, pl.Series)
        else pl.Series(name, value, nan_to_null=True)
    )


def gathered(values: "pl.Series", ranks: Any) -> "pl.Series":
    """Return values by rank as float64; NaN for none."""
    import polars as pl

    at = pl.Series(ranks, nan_to_null=True).cast(pl.Int64)
    found = values.gather(at)
    return found.fill_nan(None) if found.dtype.is_float() else found


@dataclass
class Ranked:
    """The events of all keys in the order in which they become visible.

    Attributes:
        view: The view.
        rows: What each event adds; the position of a row is its rank among all events.
        codes: Code of each step's key, sorted.
        visible: When each step happens.
        last: For each step, the rank of the last event, of the one before it, and so on.
    """

    view: WindowView
    rows: "pl.DataFrame"
    codes: Any
    visible: Any
    last: list[Any]

    @classmethod
    def of(cls, view: WindowView, rows: "pl.DataFrame") -> "Ranked":
        """Find the last events after each step."""
        import numpy as np

        code = rows[CODE].to_numpy()
        visible = np.maximum(rows[EVENT].to_numpy(), rows[KNOWN].to_numpy())
        order = np.lexsort((np.arange(len(code)), visible, code))
        codes, size = code[order], len(code) + 1
        floor = codes * size
        new, last = floor + order + 1, []
        for _ in range(view.most_events):
            highest = np.maximum.accumulate(new) if len(new) else new
            last.append(highest - floor - 1)
            before = np.concatenate([np.full(1, NOTHING), highest[:-1]])[: len(new)]
            new = np.maximum(np.minimum(new, before), floor)
        return cls(view, rows, codes, visible[order], last)

    def figures(self, features: Sequence[str], code: Any, asked: Any) -> "dict[str, pl.Series]":
        """Return the figures of the windows that are counted in events.

        Args:
            features: Names wanted; others are left out.
            code: Code of each question's key.
            asked: When each question was asked.
        """
        import numpy as np

        steps, back = np.unique(self._steps(code, asked), return_inverse=True)
        found: dict[str, pl.Series] = {}
        for window in self.view.spans:
            if not window.events:
                continue
            ranks = [self._at(level, steps) for level in self.last[: window.events]]
            for aggregation in self.view.aggregations:
                name = f"{aggregation.stem}_{window.name}"
                if name in features:
                    totals = [self._total(m, ranks) for m in aggregation.measures]
                    found[name] = as_series(name, aggregation.series(totals))[back]
        return found

    def _steps(self, code: Any, asked: Any) -> Any:
        """Return the last step that had happened when each question was asked, or NOTHING."""
        import numpy as np

        if not len(self.codes):
            return np.full(len(code), NOTHING)
        moments = np.unique(self.visible)
        spread = len(moments) + 1
        place = self.codes * spread + np.searchsorted(moments, self.visible)
        wanted = code * spread + np.searchsorted(moments, asked, "right") - 1
        step = np.searchsorted(place, wanted, "right") - 1
        known = (step >= 0) & (code >= 0)
        known &= self.codes[np.maximum(step, 0)] == code
        return np.where(known, step, NOTHING)

    def _at(self, level: Any, steps: Any) -> Any:
        import numpy as np

        if not len(level):
            return np.full(len(steps), NOTHING)
        return np.where(steps < 0, NOTHING, level[np.maximum(steps, 0)])

    def _total(self, measure: Measure, ranks: list[Any]) -> Any:
        """Return the total of a measure over the events of some ranks."""
        import numpy as np
        import polars as pl

        held = self.rows[f"m{self.view.measures.index(measure)}"]
        if measure.kind == "distinct":
            return _different(held, ranks, measure.limit)
        if measure.kind in ("first", "last"):
            counts = np.append(held.to_numpy(), False)
            present = [np.where(counts[r], r.astype("float64"), np.nan) for r in ranks]
            join = np.fmin if measure.kind == "first" else np.fmax
            return gathered(self.rows[f"v_{measure.column}"], join.reduce(present))
        if measure.is_folded:
            values = np.append(held.to_numpy(), np.nan)
            join = np.fmin if measure.kind == "min" else np.fmax
            return join.reduce([values[r] for r in ranks])
        if held.dtype == pl.Int128:
            amounts = np.array([*held.to_list(), 0], "object")
        else:
            amounts = np.append(held.to_numpy(), 0)
        return sum(amounts[r] for r in ranks)


def _different(held: "pl.Series", ranks: list[Any], limit: int) -> Any:
    """Count the different values among the events of each question."""
    import numpy as np

    numbers = held.rank("dense").fill_null(0).cast(int).to_numpy() if len(held) else held.to_numpy()
    values = np.append(numbers, 0).astype("int64")
    table = np.sort(np.stack([values[r] for r in ranks]), axis=0)
    new = np.diff(table, axis=0, prepend=0) != 0
    return np.minimum(new.sum(axis=0), limit)
