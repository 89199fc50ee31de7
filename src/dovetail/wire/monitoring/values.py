"""Dovetail's own HTTP surface for monitoring: is the model still right?

Predictions and outcomes go in as CloudEvents, figures and alerts come out as JSON. Figures are
None where they cannot be known: no outcomes yet, one class only, no reference.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from dovetail.wire import cloudevents

ALERT = "dev.dovetail.alert"
OUTCOME = "dev.dovetail.outcome"
REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
PROFILE_TAG = "dovetail.monitoring.profile"
"""Tag of a registered version that says where its reference profile is."""
PROFILE_PATH = "monitoring/profile.json"
"""Where in a run a profile lies that no tag speaks of."""
EVENTS = "/monitoring/events"

Role = Literal["live", "shadow"]
Interval = tuple[float, float]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did over some predictions; intervals cover 95 %.

    Attributes:
        predictions: Rows predicted.
        outcomes: Rows whose outcome is known; the realised figures are over these.
        versions: Predictions by model version.
        positives: Share of positive outcomes.
        mean_score: Mean score of all predictions.
        auc: Realised area under the ROC curve.
        auc_interval: Its interval.
        log_loss: Realised mean log-loss.
        log_loss_interval: Its interval.
        brier: Realised mean squared error of the probability.
        brier_interval: Its interval.
        accuracy: Realised share of right answers, of a model that names classes.
        accuracy_interval: Its interval.
        estimated_auc: The AUC to expect of all predictions, outcome known or not.
        estimated_log_loss: The log-loss to expect of them.
        assumption: What the estimates rest on.
    """

    predictions: int = 0
    outcomes: int = 0
    versions: dict[str, int] = {}
    positives: float | None = None
    mean_score: float | None = None
    auc: float | None = None
    auc_interval: Interval | None = None
    log_loss: float | None = None
    log_loss_interval: Interval | None = None
    brier: float | None = None
    brier_interval: Interval | None = None
    accuracy: float | None = None
    accuracy_interval: Interval | None = None
    estimated_auc: float | None = None
    estimated_log_loss: float | None = None
    assumption: str | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what a change looks like.

    Attributes:
        label: A quantile ("50%"), a level, "(other)" or "(missing)".
        before: On the reference: the value of the quantile, the share of the level.
        after: The same on the latest day.
    """

    label: str
    before: float
    after: float


class ColumnDrift(msgspec.Struct, frozen=True, kw_only=True):
    """How one column differs from the reference.

    Attributes:
        column: Its name; "(prediction)" is the score, "a with b" is how two go together.
        evidence: Decimal logarithm of the evidence so far: 3 is a thousand to one.
        since: The day on which the change most likely began, where there is evidence of one.
        psi: Population stability index of the latest day; to look at, never an alarm.
        missing: Share of missing values on the latest day.
        unseen: Share of values that the reference never had.
        shift: Difference of the means in standard deviations of the reference.
        change: In a word, where there is evidence: "up", "down", "wider", "narrower", "shape",
            "levels", "new values", "more missing", "less missing"; of two columns together
            "covariance up" or "covariance down".
        looks: Quantiles or levels before and after, where there is evidence.
    """

    column: str
    evidence: float
    since: date | None = None
    psi: float | None = None
    missing: float | None = None
    unseen: float | None = None
    shift: float | None = None
    change: str | None = None
    looks: tuple[Look, ...] = ()


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How sure it is that a version's inputs have changed.

    Attributes:
        rows: Rows of the latest day.
        evidence: Decimal logarithm of the evidence so far: the strongest column's, less what is
            due for looking at all of them.
        threshold: Where the alarm budget lets it become an alarm.
        alarm: Whether it is over that.
        columns: The columns, strongest evidence first.
    """

    rows: int
    evidence: float
    threshold: float
    alarm: bool
    columns: tuple[ColumnDrift, ...] = ()


class Day(Figures, frozen=True, kw_only=True):
    """One day, by the time of the events.

    Attributes:
        day: The date.
        drift: For each live version that was assessed on that day, how strong the evidence is
            that its inputs are no longer those of its reference, and in which columns.
        alarms: What was raised on that day.
    """

    day: date
    drift: dict[str, "Drift"] = {}
    alarms: tuple["Alert", ...] = ()


class Month(Figures, frozen=True, kw_only=True):
    """One calendar month; ``month`` is "2013-04"."""

    month: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person should look at.

    Attributes:
        id: To acknowledge or resolve it by.
        model: Which model.
        kind: What is wrong, "performance" or "drift" for example.
        status: "open", "acknowledged" or "resolved".
        message: In words.
        version: Which version, where it is about one.
        severity: "warn" or "alarm".
        cause: "data" where it looks like a broken feed, "world" where it does not.
        day: The closed day on which the evidence sufficed.
        raised: When.
        changed: When its status last changed, and by whom.
        changed_by: Who changed its status.
        reason: Why, where somebody said so.
        silenced_until: Until when nobody is told of it.
        facts: The figures behind it.
    """

    id: str
    model: str
    kind: str = ""
    status: str = "open"
    message: str = ""
    version: str | None = None
    severity: str = "warn"
    cause: str = "world"
    day: date | None = None
    raised: str | None = None
    changed: str | None = None
    changed_by: str | None = None
    reason: str | None = None
    silenced_until: str | None = None
    facts: dict[str, Any] = {}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one request; NaN is null in JSON.

    Attributes:
        request_id: Which.
        role: "live" or "shadow".
        version: Who answered, None while only the request is known.
        time: When.
        features: The inputs by column.
        scores: One a row.
        outcomes: What came true, one a row: a number, or the name of a class.
        shares: Probabilities of the classes, one list a row; empty for other models.
        names: The class answered, one a row, of a model that only names it; empty for others.
    """

    request_id: str
    role: str
    version: str | None = None
    time: datetime
    features: dict[str, list[Any]] = {}
    scores: list[float | None] = []
    outcomes: list[float | str | None] = []
    shares: list[list[float | None]] = []
    names: list[str | None] = []


class AlertChange(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done with an alert.

    Attributes:
        at: When.
        by: Who did it.
        action: "acknowledged", "silenced" or "resolved".
        reason: Why, where somebody said so.
        until: The end of a silence.
    """

    at: str
    by: str
    action: str
    reason: str = ""
    until: str | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that events or a reference have named.

    Attributes:
        model: Its name.
        first: The first day that holds predictions.
        last: The last one.
        versions: The versions that have answered live.
        references: The versions whose reference is set.
        alerts: How many alerts are active.
    """

    model: str
    first: date | None = None
    last: date | None = None
    versions: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    alerts: int = 0


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a version was validated on, by columns of one length; null where unknown.

    With a season ("weekday", "weekend" or "month"), each day is compared only with the rows whose
    ``days`` are of its kind. The labels of a "regression" are the numbers that came true. The
    scores of a "multiclass" are rows of one probability a class, its labels names of ``classes``
    or their positions.
    """

    version: str
    features: dict[str, list[Any]] = {}
    scores: list[float | list[float] | None] = []
    labels: list[float | str | None] = []
    season: str = ""
    days: list[date] = []
    task: Literal["binary", "multiclass", "regression"] = "binary"
    classes: list[str] = []


class ReferencePerformance(msgspec.Struct, frozen=True, kw_only=True):
    """How a version did on its reference; None where that has one class only."""

    auc: float | None = None
    log_loss: float | None = None
    brier: float | None = None
    positives: float | None = None


class KeptReference(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a reference that was put.

    Attributes:
        model: The model.
        version: The version that it is of.
        rows: Rows of the sample.
        digest: Identifies the content; the same sample has the same one.
        performance: How the version did on it, where it has labels.
    """

    model: str = ""
    version: str = ""
    rows: int = 0
    digest: str = ""
    performance: ReferencePerformance | None = None


class Outcomes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came true, by columns: row ``rows[i]`` of request ``request_ids[i]``.

    A value is a number, or the name or position of a class.
    """

    model: str
    request_ids: list[str]
    values: Sequence[float | str]
    rows: list[int] | None = None


def outcome_event(
    id: str,
    source: str,
    outcomes: Outcomes,
    *,
    time: datetime | None = None,
) -> cloudevents.Event:
    """Wrap outcomes in an event; a sink counts events of one id and source once."""
    return cloudevents.Event(
        id=id,
        source=source,
        type=OUTCOME,
        subject=outcomes.model,
        time=time,
        data=msgspec.to_builtins(outcomes),
    )


def profile_path(version: str, digest: str) -> str:
    """Where in a run the profile of a registered version lies; several may share a run."""
    return PROFILE_PATH.replace(".json", f"-{version}-{digest[:12]}.json")
