"""What looks like the data: units, copies; and which parts of the rows a change sits in."""

import numpy as np
import pytest
from tests.unit.monitoring.test_alert_content import DAYS, put_reference, rows, send_day, shifted

from dovetail.monitoring.clues import copied
from dovetail.monitoring.columns import profile
from dovetail.monitoring.concentration import of_column, of_loss
from dovetail.monitoring.units import rescaled

R = np.random.default_rng(0)
WIND = R.normal(10, 3, 4000)
AGAIN = np.random.default_rng(1).normal(10, 3, 600)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: 3.6 * x, "3.6 times what it was, as between m/s and km/h"),
        (lambda x: x / 1.60934, "1/1.61 of what it was, as between miles and kilometres"),
        (lambda x: 1000 * x, "1e+03 times what it was"),
        (lambda x: 1.8 * x + 32, "as if in Fahrenheit where it was Celsius"),
        (lambda x: x + 273.15, "as if in kelvin where it was Celsius"),
        (lambda x: x, ""),
        (lambda x: x + 6, ""),
        (lambda x: 10 + 3 * (x - 10), ""),
        (lambda x: 1.3 * x, ""),
        (lambda x: np.full(600, np.nan), ""),
    ],
    ids=["kmh", "mi", "k", "F", "K", "same", "up", "wider", "grown", "gone"],
)
def test_another_unit_is_told_from_another_world(change, said):
    found = rescaled(profile("wind", WIND), change(AGAIN))
    assert said in found
    assert bool(said) == bool(found)


def test_around_zero_a_wider_column_is_no_other_unit():
    calm = R.normal(0, 1, 2000)
    assert rescaled(profile("calm", calm), 3.6 * calm) == ""


def test_copies_are_counted_over_all_columns():
    a, b = np.arange(100.0), ["x"] * 100
    assert copied({"a": a, "b": b}) == 0
    assert copied({"a": np.tile(a[:50], 2), "b": b}) == 0.5
    assert copied({"a": np.tile(a[:50], 2), "b": ["x"] * 50 + ["y"] * 50}) == 0
    assert copied({}) == 0


def test_a_batch_that_came_twice_is_said_to_be_the_data(server, log):
    put_reference(server)
    for number, day in enumerate(DAYS[:4]):
        assert send_day(server, log, day, rows(number + 1)) == []
    half = shifted(rows(9, 200))
    (alert,) = send_day(server, log, DAYS[4], np.concatenate([half, half]))
    assert alert["cause"] == "data"
    assert "duplicated batch: 50% of the rows are copies of others of the day" in alert["message"]


def columns(seed, n=2000):
    r = np.random.default_rng(seed)
    origin = r.choice(["JFK", "EWR", "LGA", "BOS"], n).tolist()
    return {"wind": r.normal(10, 3, n), "hour": r.integers(0, 24, n) * 1.0, "origin": origin}


def test_a_change_in_one_part_of_the_rows_is_found_there():
    then, now = columns(1), columns(2)
    here = np.array(now["origin"]) == "JFK"
    now["wind"] = now["wind"] + 4.0 * here
    found = of_column(profile("wind", then["wind"]), now, then)
    assert [(f.column, f.segment) for f in found] == [("origin", "JFK")]
    assert found[0].share > 0.85
    assert found[0].rows == pytest.approx(0.25, abs=0.03)


def test_a_change_of_hours_is_found_between_two_values():
    then, now = columns(1), columns(2)
    now["wind"] = now["wind"] + 5.0 * (now["hour"] >= 18)
    found = of_column(profile("wind", then["wind"]), now, then)
    assert (found[0].column, found[0].segment) == ("hour", "18 and over")


def test_a_change_of_all_rows_is_in_no_part_of_them():
    then = columns(1)
    for seed in range(2, 12):
        now = columns(seed)
        now["wind"] = now["wind"] + 2.0
        assert of_column(profile("wind", then["wind"]), now, then) == []
        r = np.random.default_rng(seed)
        assert of_loss(now, then, r.exponential(1.5, 2000), r.exponential(1.0, 2000)) == []


def test_a_loss_that_rose_in_one_part_is_found_there():
    then, now = columns(1), columns(2)
    here = np.array(now["origin"]) == "LGA"
    r = np.random.default_rng(3)
    losses = r.exponential(0.5, 2000) * np.where(here, 3, 1)
    found = of_loss(now, then, losses, r.exponential(0.5, 2000))
    assert [(f.column, f.segment) for f in found] == [("origin", "LGA")]
    assert found[0].share > 0.85


def test_an_alert_names_the_part_that_a_change_sits_in(server, log):
    put_reference(server)
    raised = []
    for number, day in enumerate(DAYS):
        features = rows(number + 1)
        if number >= 4:
            features[:, 0] += 6.0 * (features[:, 1] > 0.7)
        raised = send_day(server, log, day, features)
        if raised:
            break
    (alert,) = raised
    segment = alert["facts"]["segments"][0]
    assert segment["column"] == "calm"
    assert segment["segment"].endswith("and over")
    assert segment["share"] > 0.6
    assert (
        f"{segment['share']:.0%} of the change is in calm = {segment['segment']}"
        in alert["message"]
    )
    page = server.http.get("/monitoring/flights").text
    assert "Segments that it is in" in page


def test_a_loss_alert_names_the_part_and_shows_the_worst_rows(server, log):
    r = np.random.default_rng(0)

    def day(n, spoilt):
        x = r.normal(0, 1, (n, 2))
        p = 1 / (1 + np.exp(-2 * x[:, 0]))
        true = np.where(spoilt & (x[:, 1] > 0.7), 1 - p, p)
        return x, p, (r.random(n) < true).astype(float)

    x, p, y = day(4000, False)
    server.put(
        "/models/flights/reference",
        version="1",
        features={"a": x[:, 0].tolist(), "b": x[:, 1].tolist()},
        scores=p.tolist(),
        labels=y.tolist(),
    )
    raised = []
    for number, name in enumerate(DAYS):
        x, p, y = day(400, number >= 4)
        at = f"{name}T06:00:00Z"
        server.send(
            log.request(name, x.tolist(), columns=["a", "b"], at=at),
            log.response(name, p.tolist(), at=at),
            log.outcomes(f"o-{name}", {(name, i): v for i, v in enumerate(y.tolist())}, at=at),
        )
        raised = server.post("/models/flights/close", day=name)
        if raised:
            break
    (alert,) = raised
    assert alert["kind"] == "performance"
    segment = alert["facts"]["segments"][0]
    assert (segment["column"], segment["segment"].endswith("and over")) == ("b", True)
    assert "of the change is in b =" in alert["message"]
    worst = alert["facts"]["examples"][0]["values"]
    assert abs(worst["(prediction)"] - worst["(outcome)"]) > 0.9
    assert "b" in worst
