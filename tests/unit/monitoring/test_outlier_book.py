"""Outliers in the service: which rows of a day, why, and how many would be usual."""

from datetime import date

import numpy as np
import pytest

from dovetail.monitoring.outliers import Outliers
from dovetail.wire.http import NotFound


def reference(rows=4000):
    r = np.random.default_rng(0)
    wind = r.normal(10, 3, rows)
    return {
        "version": "1",
        "features": {"wind": wind.tolist(), "gust": (wind + r.normal(4, 1, rows)).tolist()},
    }


def send_day(server, log, rows, *, columns=("wind", "gust"), day="2013-04-01"):
    """Two requests of ordinary rows, and one with rows of the caller's."""
    r = np.random.default_rng(1)
    for name, some in (("a", r.normal(10, 3, 20)), ("b", r.normal(10, 3, 30)), ("odd", None)):
        block = rows if some is None else np.stack([some, some + 4], axis=1).tolist()
        at = f"{day}T06:00:00Z"
        server.send(
            log.request(f"{name}{day}", block, columns=list(columns) if columns else None, at=at),
            log.response(f"{name}{day}", [0.5] * len(block), at=at),
        )


@pytest.mark.parametrize("columns", [("wind", "gust"), None], ids=["named", "by position"])
def test_a_days_outliers_are_named_with_request_row_and_columns(server, log, columns):
    server.put("/models/flights/reference", **reference())
    send_day(server, log, [[9.0, 13.0], [16.0, 3.0]], columns=columns)
    (found,) = server.client.outliers("flights")
    assert (found.day, found.rows, found.flagged) == ("2013-04-01", 52, 1)
    assert (found.version, found.alarm_rate, found.why) == ("1", 0.001, "")
    (one,) = found.outliers
    assert (one.request_id, one.row) == ("odd2013-04-01", 1)
    assert set(one.columns) == {"wind", "gust"}
    assert one.p <= 0.001
    assert server.client.outliers("flights", date(2013, 4, 2))[0].rows == 0


def test_the_detector_outlives_a_restart_and_the_gauge_counts_the_closed_day(start, log):
    with start() as server:
        server.put("/models/flights/reference", **reference())
        send_day(server, log, [[9.0, 13.0], [16.0, 3.0], [4.0, 30.0]])
    with start() as server:
        assert server.client.outliers("flights")[0].flagged == 2
        server.client.close_day("flights", date(2013, 4, 1))
        metrics = server.http.get("/metrics").text
    assert 'dovetail_monitoring_outliers{model="flights",version="1"} 2.0' in metrics


def test_where_there_is_no_detector_the_answer_says_why(server, log):
    server.put("/models/flights/reference", **reference(rows=100))
    send_day(server, log, [[9.0, 13.0]])
    (found,) = server.client.outliers("flights", version="1")
    assert found.alarm_rate is None
    assert found.why.startswith("a reference of 100 rows cannot hold a rate of 0.001")
    (other,) = server.client.outliers("flights", version="2")
    assert other.why == "no reference was put for this version; put it, or put it again"
    page = server.http.get("/monitoring/flights").text
    assert "is not watched row by row: a reference of 100 rows cannot" in page
    assert "larger alarm_rate.<" in page
    server.put("/models/flights/reference", **reference())
    assert server.client.outliers("flights")[0].rows == 51
    with pytest.raises(NotFound):
        server.client.outliers("nobody")
    wrong = server.http.get("/monitoring/models/flights/outliers?day=soon")
    assert (wrong.status_code, "'soon' is not a day" in wrong.text) == (400, True)


def test_a_kept_detector_flags_the_same_rows_for_the_same_reason():
    r = np.random.default_rng(0)
    table = {"x": r.normal(size=5000), "level": r.choice(["a", "b", "c"], 5000).tolist()}
    fresh = Outliers(table, alarm_rate=0.01)
    kept = Outliers.unpack(fresh.pack())
    rows = {"x": r.normal(0, 2, 500), "level": r.choice(["a", "b", "c", "d"], 500).tolist()}
    one, other = fresh.update(rows), kept.update(rows)
    assert one.scores == pytest.approx(other.scores)
    assert one.flags.tolist() == other.flags.tolist()
    assert one.why == other.why
    assert len(fresh.pack()) < 20_000
