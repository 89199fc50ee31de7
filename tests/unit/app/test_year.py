from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from dovetail.app.year import EventFacts, MonthFacts, YearFacts, year_view

NOW = datetime(2013, 6, 1, tzinfo=UTC)
APRIL = MonthFacts(
    month=date(2013, 4, 1), outcomes=1000, champion="1", auc=0.70, first_auc=0.70, log_loss=0.50,
    first_log_loss=0.50,
)  # fmt: skip
MAY = MonthFacts(
    month=date(2013, 5, 1), outcomes=3000, champion="1, 2", auc=0.74, first_auc=0.70,
    log_loss=0.48, first_log_loss=0.52,
)  # fmt: skip


def facts(**changes: Any) -> YearFacts:
    given: dict[str, Any] = {"months": [APRIL, MAY], "events": [], **changes}
    return YearFacts(model="flights", champion="2", as_of=NOW, **given)


def happened(kind: Any, day: int, month: int = 5) -> EventFacts:
    return EventFacts(
        at=datetime(2013, month, day, tzinfo=UTC), kind=kind, label=kind, text=kind, href="/x"
    )


def test_a_year_is_the_mean_of_its_months_weighted_by_outcomes() -> None:
    view = year_view(facts())
    figures = (view.auc, view.first_auc, view.gain, view.log_loss, view.first_log_loss)
    assert figures == pytest.approx((0.73, 0.70, 0.03, 0.485, 0.515))
    assert view.outcomes == 4000


def test_a_figure_that_no_month_has_is_missing_and_not_zero() -> None:
    bare = MonthFacts(month=date(2013, 4, 1), outcomes=0, champion="")
    view = year_view(facts(months=[bare]))
    assert (view.auc, view.gain, view.log_loss) == (None, None, None)
    assert view.rows()[0]["gain"] is None
    assert view.rows()[0]["champion"] is None


def test_the_axis_holds_every_month_and_every_event() -> None:
    view = year_view(facts(events=[happened("promotion", 20, month=3)]))
    assert [datetime.fromtimestamp(ms / 1000, UTC).date() for ms in (view.start, view.end)] == [
        date(2013, 3, 20),
        date(2013, 6, 1),
    ]
    december = msgspec.structs.replace(MAY, month=date(2013, 12, 1))
    assert (
        year_view(facts(months=[december])).end
        == datetime(2014, 1, 1, tzinfo=UTC).timestamp() * 1e3
    )


def test_events_are_told_in_the_order_in_which_they_happened() -> None:
    given = [happened("promotion", 9), happened("alarm", 2), happened("warning", 1)]
    view = year_view(facts(events=given))
    assert [event.lane for event in view.events] == ["Warning", "Alarm", "Promotion"]
    assert [mark.label for mark in view.marks] == ["alarm", "promotion"]
    assert view.counts == {
        "alarm": 1, "warning": 1, "retraining": 0, "promotion": 1, "rejection": 0, "rollback": 0,
    }  # fmt: skip


def test_a_year_without_months_is_told_too() -> None:
    view = year_view(facts(months=[]))
    assert (view.start, view.end) == (NOW.timestamp() * 1e3,) * 2


def test_the_twin_reads_back_as_the_view() -> None:
    view = year_view(facts(events=[happened("alarm", 2)]))
    assert msgspec.json.decode(msgspec.json.encode(view), type=type(view)) == view
