"""How a model does over some rows: figures with intervals, calibration, segments, estimates."""

from datetime import date
from typing import Literal

from msgspec import Struct

Task = Literal["binary", "multiclass", "regression"]


class Measured(Struct, frozen=True, kw_only=True):
    """A figure with its 95 % interval.

    Attributes:
        name: "auc", "rmse", "recall of late", ...
        value: The figure, None where the rows do not define it (one class only, for example).
        low: Lower end, None where no interval is known.
        high: Upper end.
        interval: How the interval was made: "exact", "mean", "delta", "delong", "bootstrap",
            "bound" or "simulation".
        rows: Labelled rows behind it.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    rows: int = 0


class Point(Struct, frozen=True, kw_only=True):
    """One bin of a reliability curve.

    Attributes:
        rows: Labelled rows in it.
        score: Their mean probability.
        share: What share of them came true.
        low: Lower end of the share's exact 95 % interval.
        high: Upper end.
    """

    rows: int
    score: float
    share: float
    low: float
    high: float


class Arrival(Struct, frozen=True, kw_only=True):
    """Which labels are here.

    Attributes:
        predictions: Rows predicted.
        labelled: Rows whose label is known.
        refused: Rows whose answer could not be read; they count in nothing else.
        share: Labelled rows by predictions.
        uneven: p-value of "labels arrive alike at all scores"; None with all or none arrived.
        weighted: The mean loss (log-loss; absolute error of a regression) with the labelled rows
            weighted to the scores of all rows. Assumes that, at one score, arrival is random.
        accuracy_at_worst: The least and the most that the accuracy over all rows can be,
            whatever the missing labels are; None for a regression.
        note: The same in words; "" where all labels are here.
    """

    predictions: int
    labelled: int
    refused: int = 0
    share: float = 0.0
    uneven: float | None = None
    weighted: Measured
    accuracy_at_worst: tuple[float, float] | None = None
    note: str = ""


class Estimated(Struct, frozen=True, kw_only=True):
    """Figures to expect of rows without labels.

    Attributes:
        figures: Each with the interval that holds the realised figure, were all labels known, in
            95 of 100 cases while the assumption holds.
        assumption: What they rest on. No estimate sees a change of what it assumes constant.
        shift: 0 where the columns look as in the reference, up to 1 where only weighted rows are
            believed; None where estimates rest on the scores alone.
        effective: Reference rows that the weighted ones are worth; few make a wide interval.
    """

    figures: list[Measured]
    assumption: str
    shift: float | None = None
    effective: float | None = None


class Segment(Struct, frozen=True, kw_only=True):
    """How the model does on a part of the rows.

    Attributes:
        name: The level of the column, or the range.
        arrival: Which labels are here.
        realised: Figures over its labelled rows.
    """

    name: str
    arrival: Arrival
    realised: list[Measured]


class Quality(Struct, frozen=True, kw_only=True):
    """How a model does over some rows.

    Attributes:
        task: "binary", "multiclass" or "regression".
        arrival: Which labels are here, and what the missing ones may do.
        realised: Figures over the labelled rows.
        reliability: Shares against probabilities; of a multi-class model, how often its first
            choice is right against how sure it was.
        estimated: Figures to expect of all rows; None without a labelled reference.
        segments: By the levels or ranges of one column, most rows first; empty unless asked for.
        classes: Names of the classes of a multi-class model.
        confusion: Labelled rows by class that came true (rows) and class chosen (columns).
        class_reliability: For each class, how often it came true against its probability.
    """

    task: Task
    arrival: Arrival
    realised: list[Measured] = []
    reliability: list[Point] = []
    estimated: Estimated | None = None
    segments: list[Segment] = []
    classes: list[str] = []
    confusion: list[list[int]] = []
    class_reliability: list[list[Point]] = []

    def __getitem__(self, name: str) -> Measured:
        """The realised figure of a name.

        Raises:
            KeyError: There is none.
        """
        found = {figure.name: figure for figure in self.realised}
        return found[name]


class DayQuality(Struct, frozen=True, kw_only=True):
    """One day, by the time of its predictions, with the labels known by now."""

    day: date
    quality: Quality
