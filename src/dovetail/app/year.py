"""The demo's story on one page: a year of a model with the loop, beside the same year without it.

`year_view` turns facts, which the composition gathers over the joints, into figures, two charts
and one time line on a common axis, each event linked to its evidence.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Literal

import msgspec

from dovetail.web.charts import Chart, Event, Mark, Series, moments

__all__ = ["EventFacts", "MonthFacts", "YearFacts", "YearView", "year_view"]

Kind = Literal["alarm", "warning", "retraining", "promotion", "rejection", "rollback"]
Level = Literal["ok", "info", "warn", "alarm", "idle"]
LANES: dict[Kind, tuple[str, Level]] = {
    "alarm": ("Alarm", "alarm"),
    "warning": ("Warning", "warn"),
    "retraining": ("Retraining", "info"),
    "promotion": ("Promotion", "ok"),
    "rejection": ("Rejection", "idle"),
    "rollback": ("Rollback", "warn"),
}


class MonthFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One month of predictions whose outcomes are known.

    Attributes:
        month: its first day.
        outcomes: how many predictions have an outcome.
        champion: the versions that answered, such as `1` or `2, 3`.
        auc: ROC AUC of what was answered.
        auc_low: lower end of its 95 % interval.
        auc_high: upper end.
        log_loss: log loss of what was answered.
        first_auc: ROC AUC of the first model on the same flights.
        first_log_loss: log loss of the first model on the same flights.
    """

    month: date
    outcomes: int
    champion: str
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    log_loss: float | None = None
    first_auc: float | None = None
    first_log_loss: float | None = None


class EventFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in the year.

    Attributes:
        at: when, on the year's own clock.
        kind: what sort of thing.
        label: few words for the chart, such as `v2`.
        text: one sentence.
        href: where the evidence is.
        detail: the figures that decided it.
    """

    at: datetime
    kind: Kind
    label: str
    text: str
    href: str = ""
    detail: str = ""


class YearFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page is made of.

    Attributes:
        model: the registered model.
        champion: the version that is champion now.
        months: oldest first.
        events: in any order.
        as_of: when the facts were gathered.
        until: how far the replay has come, on the year's own clock; None before it begins.
    """

    model: str
    champion: str
    months: Sequence[MonthFacts]
    events: Sequence[EventFacts]
    as_of: datetime
    until: datetime | None = None


class YearView(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes:
        model: the registered model.
        champion: the version that is champion now.
        outcomes: how many predictions have an outcome.
        auc: mean ROC AUC of the months, each weighted by its outcomes.
        first_auc: the same of the first model.
        gain: the mean gain in ROC AUC over the months where both are known.
        log_loss: log loss over all outcomes.
        first_log_loss: the same of the first model.
        marks: what happened, for the charts.
        counts: how many events of each kind.
        months: oldest first.
        events: oldest first.
        start: left end of the common axis, in milliseconds since 1970.
        end: right end.
        as_of: when the facts were gathered.
        until: how far the replay has come, on the year's own clock.
    """

    model: str
    champion: str
    outcomes: int
    auc: float | None
    first_auc: float | None
    gain: float | None
    log_loss: float | None
    first_log_loss: float | None
    counts: dict[str, int]
    months: Sequence[MonthFacts]
    events: Sequence[Event]
    marks: Sequence[Mark]
    start: float
    end: float
    as_of: datetime
    until: datetime | None

    def rows(self) -> list[dict[str, object]]:
        """The months as rows of a table, newest last."""
        return [
            {
                "month": f"{month.month:%B %Y}",
                "champion": f"version {month.champion}" if month.champion else None,
                "outcomes": month.outcomes,
                "auc": month.auc,
                "first_auc": month.first_auc,
                "gain": _gain(month),
                "log_loss": month.log_loss,
                "first_log_loss": month.first_log_loss,
                "saved": _difference(month.first_log_loss, month.log_loss),
            }
            for month in self.months
        ]

    def auc_chart(self) -> Chart:
        """ROC AUC month by month, with its interval and what happened."""
        return self._chart(
            "ROC AUC by month: higher is better",
            "ROC AUC",
            Series(
                label="with the loop",
                values=[m.auc for m in self.months],
                low=[m.auc_low for m in self.months],
                high=[m.auc_high for m in self.months],
            ),
            [m.first_auc for m in self.months],
        )

    def loss_chart(self) -> Chart:
        """Log loss month by month, with what happened."""
        return self._chart(
            "Log loss by month: lower is better",
            "log loss",
            Series(label="with the loop", values=[m.log_loss for m in self.months]),
            [m.first_log_loss for m in self.months],
        )

    def _chart(self, title: str, unit: str, loop: Series, first: list[float | None]) -> Chart:
        return Chart(
            title=title,
            unit=unit,
            x=moments([month.month.replace(day=15) for month in self.months]),
            series=[loop, Series(label="first model, never retrained", values=first, quiet=True)],
            marks=list(self.marks),
            x_min=self.start,
            x_max=self.end,
        )


def year_view(facts: YearFacts) -> YearView:
    """Sum up the months and put what happened in order.

    Args:
        facts: what the composition gathered.
    """
    happened = sorted(facts.events, key=lambda event: event.at)
    events = [_event(event) for event in happened]
    marks = [
        Mark(x=shown.ms, label=event.label, level=shown.level, href=event.href)
        for event, shown in zip(happened, events, strict=True)
        if event.kind != "warning"
    ]
    start, end = _axis(facts)
    return YearView(
        model=facts.model,
        champion=facts.champion,
        outcomes=sum(month.outcomes for month in facts.months),
        auc=_mean(facts.months, lambda month: month.auc),
        first_auc=_mean(facts.months, lambda month: month.first_auc),
        gain=_mean(facts.months, _gain),
        log_loss=_mean(facts.months, lambda month: month.log_loss),
        first_log_loss=_mean(facts.months, lambda month: month.first_log_loss),
        counts={kind: sum(e.kind == kind for e in happened) for kind in LANES},
        months=facts.months,
        events=events,
        marks=marks,
        start=start,
        end=end,
        as_of=facts.as_of,
        until=facts.until,
    )


def _gain(month: MonthFacts) -> float | None:
    return _difference(month.auc, month.first_auc)


def _difference(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _event(event: EventFacts) -> Event:
    lane, level = LANES[event.kind]
    return Event(
        at=event.at,
        lane=lane,
        level=level,
        text=event.text,
        href=event.href,
        detail=event.detail,
    )


def _axis(facts: YearFacts) -> tuple[float, float]:
    """From the first day of the first month to the last of the last, events included."""
    if not facts.months:
        ends = [event.at for event in facts.events] or [facts.as_of]
        low, high = moments([min(ends), max(ends)])
        return low, high
    first, last = facts.months[0].month, facts.months[-1].month
    after = date(last.year + last.month // 12, last.month % 12 + 1, 1)
    low, high = moments([datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (first, after)])
    times = moments([event.at for event in facts.events])
    return min([low, *times]), max([high, *times])


def _mean(
    months: Sequence[MonthFacts], figure: Callable[[MonthFacts], float | None]
) -> float | None:
    """A figure's mean over the months that have it, each weighted by its outcomes."""
    held = [(value, m.outcomes) for m in months if (value := figure(m)) is not None]
    weight = sum(count for _, count in held)
    return sum(value * count for value, count in held) / weight if weight else None
