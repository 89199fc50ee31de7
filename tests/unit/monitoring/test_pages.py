"""The pages and their JSON twins, from the state that a replay leaves."""

import numpy as np
import pytest

DAYS = [f"2013-04-{day:02d}" for day in range(1, 6)]


@pytest.fixture
def told(server, log):
    """A server that has seen five days, the last three with a shifted column."""
    r = np.random.default_rng(0)
    x = r.standard_normal((2000, 2))
    p = 1 / (1 + np.exp(-x[:, 0]))
    server.put(
        "/models/flights/reference",
        version="1",
        features={"a": x[:, 0].tolist(), "<b>": x[:, 1].tolist()},
        scores=p.tolist(),
        labels=(r.random(2000) < p).astype(float).tolist(),
    )
    for day in DAYS:
        x = r.standard_normal((100, 2))
        x[:, 1] += day >= DAYS[2]
        p = 1 / (1 + np.exp(-x[:, 0]))
        at = f"{day}T06:00:00Z"
        server.send(
            log.request(day, x.tolist(), columns=["a", "<b>"], at=at),
            log.response(day, p.tolist(), at=at),
            log.response(f"s{day}", p.tolist(), role="shadow", version="0", at=at),
            log.outcomes(f"o{day}", {(day, i): float(v > 0) for i, v in enumerate(x[:, 0])}),
        )
        server.post("/models/flights/close", day=day)
    return server


def test_the_first_page_lists_models_and_what_is_active(told):
    twin = told.get(".json")
    (line,) = twin["lines"]
    assert (line["standing"]["model"], line["level"]) == ("flights", "warn")
    assert (line["standing"]["predictions"], line["standing"]["need"]) == (500, "warn")
    assert line["standing"]["evidence"] >= 1
    assert twin["verdict"] == "1 model is watched: 1 with an open warning, 0 quiet."
    assert 'href="/monitoring/flights"' in told.http.get("/monitoring").text


def test_a_models_page_shows_figures_alerts_drift_and_versions(told):
    twin = told.get("/flights.json")
    assert twin["recent"]["outcomes"] == 500
    assert [s["label"] for s in twin["auc"]["series"]] == [
        "Realised",
        "Estimated without outcomes",
    ]
    assert twin["auc"]["marks"][0]["label"] == "drift, version 1"
    assert twin["drift"][0]["columns"][0]["column"] == "<b>"
    assert [(v["version"], v["role"]) for v in twin["versions"]] == [("1", "live"), ("0", "shadow")]
    page = told.http.get("/monitoring/flights").text
    assert "<line-chart" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_the_buttons_change_an_alert_and_lead_back(told):
    alert = told.get("/alerts")[0]["id"]
    path = f"/monitoring/alerts/{alert}"
    for verb, status in (("acknowledge", "acknowledged"), ("resolve", "resolved")):
        assert f"{path}/{verb}-and-return" in told.http.get("/monitoring/flights").text
        answer = told.http.post(f"{path}/{verb}-and-return")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/monitoring/flights#alerts",
        )
        assert told.get("/alerts")[0]["status"] == status
    assert "and-return" not in told.http.get("/monitoring/flights").text


def test_a_page_of_another_site_cannot_press_a_button(told):
    alert = told.get("/alerts")[0]["id"]
    path = f"/monitoring/alerts/{alert}/resolve-and-return"
    answer = told.http.post(path, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


def test_pages_of_an_empty_server_say_what_to_do(server):
    assert "Point a payload log at /monitoring/events" in server.http.get("/monitoring").text
    assert server.http.get("/monitoring/nobody").status_code == 404


def test_a_model_with_a_reference_only_has_a_page(server):
    server.put("/models/new/reference", version="1", features={"a": [1, 2]})
    assert "no prediction has arrived yet" in server.http.get("/monitoring/new").text
