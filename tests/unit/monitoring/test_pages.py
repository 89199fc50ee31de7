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
    assert twin["verdict"] == "1 model is watched: 1 with an open warning."
    assert 'href="/monitoring/flights"' in told.http.get("/monitoring").text


def test_a_models_page_says_in_a_sentence_how_it_is(told):
    twin = told.get("/flights.json")
    assert twin["verdict"]["sentence"] == (
        "flights needs a look: its inputs have changed since about 2013-04-03 (<b>)."
    )
    assert [(p["title"], p["level"]) for p in twin["verdict"]["parts"]] == [
        ("Inputs", "warn"),
        ("Performance", "ok"),
        ("Single rows", "ok"),
        ("Feed", "idle"),
    ]
    alert = told.get("/alerts")[0]["id"]
    told.post(f"/alerts/{alert}/resolve")
    sentence = told.get("/flights.json")["verdict"]["sentence"]
    assert sentence.startswith("flights is as it was validated, as far as is known: the inputs")


def test_a_models_page_shows_figures_alerts_drift_and_versions(told):
    twin = told.get("/flights.json")
    assert twin["recent"]["outcomes"] == 500
    assert [s["label"] for s in twin["charts"][0]["series"]] == [
        "Realised",
        "Estimated without outcomes",
        "On the reference",
    ]
    assert twin["charts"][0]["marks"][0]["label"] == "drift, version 1"
    (card,) = twin["cards"]
    assert [c["column"] for c in card["columns"]] == ["<b>"]
    assert card["curve"]["series"][0]["values"][-1] > card["curve"]["series"][1]["values"][-1]
    assert [chart["title"] for chart in twin["evidence"]] == [
        "Evidence that losses have risen (log10), version 1"
    ]
    assert twin["drift"][0]["columns"][0]["column"] == "<b>"
    assert [(v["version"], v["role"]) for v in twin["versions"]] == [("1", "live"), ("0", "shadow")]
    assert twin["quality"]["estimated"]["figures"][0]["name"] == "auc"
    assert twin["calibration"]["series"][1]["label"] == "As predicted"
    assert twin["outliers"][0]["rows"] == 100
    page = told.http.get("/monitoring/flights").text
    assert "<line-chart" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_models_page_splits_rows_by_a_feature(told):
    twin = told.get("/flights.json", by="a")
    assert [s["name"][:5] for s in twin["quality"]["segments"]][:1] != []
    assert sum(s["arrival"]["predictions"] for s in twin["quality"]["segments"]) == 500
    assert "Segments by a" in told.http.get("/monitoring/flights?by=a").text
    assert told.http.get("/monitoring/flights?by=nothing").status_code == 200


def send(told, alert, **fields):
    return told.http.post(f"/monitoring/alerts/{alert}/change", data=fields)


def test_the_forms_change_an_alert_and_lead_back(told):
    alert = told.get("/alerts")[0]["id"]
    for fields, status in (
        ({"do": "acknowledge", "reason": "looking"}, "acknowledged"),
        ({"do": "silence", "reason": "closed", "for": "8h", "until": ""}, "acknowledged"),
        ({"do": "silence", "reason": "still", "until": "2999-01-01T08:00"}, "acknowledged"),
        ({"do": "resolve", "reason": ""}, "resolved"),
    ):
        answer = send(told, alert, **fields)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/monitoring/flights#alerts",
        )
        assert told.get("/alerts")[0]["status"] == status
    twin = told.get("/flights.json")
    assert twin["cards"] == []
    assert [(d["change"]["action"], d["change"]["by"]) for d in twin["deeds"]] == [
        ("resolved", "local"),
        ("silenced", "local"),
        ("silenced", "local"),
        ("acknowledged", "local"),
    ]
    assert twin["deeds"][1]["change"]["until"] == "2999-01-01T08:00:00+00:00"
    assert "still" in told.http.get("/monitoring/flights").text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"do": "dance"}, "there is nothing to do called"),
        ({"do": "silence", "for": "1d"}, "a silence needs a reason"),
        ({"do": "silence", "reason": "x"}, "the silence has no end"),
        ({"do": "silence", "reason": "x", "until": "soon"}, "is no time"),
        ({"do": "expect", "reason": "x", "since": "2013-04-05"}, "are too few"),
    ],
    ids=["unknown", "no reason", "no end", "no time", "too few rows"],
)
def test_a_form_that_cannot_be_meant_changes_nothing(told, fields, why):
    alert = told.get("/alerts")[0]["id"]
    if fields["do"] == "expect":
        told.post("/models/flights/close", day="2013-04-09")
        fields = {**fields, "since": "2013-04-06"}
    answer = send(told, alert, **fields)
    assert answer.status_code == 400
    assert why in answer.text
    assert told.get("/alerts")[0]["status"] == "open"


def test_a_change_is_marked_as_expected_only_after_a_page_that_says_what_it_does(told):
    alert = told.get("/alerts")[0]["id"]
    before = told.get("/flights.json")["versions"][0]["digest"]
    path = f"/monitoring/alerts/{alert}/expected?reason=new+gauge&since=2013-04-03"
    page = told.http.get(path).text
    assert "The 300 latest rows since 2013-04-03 become the reference of version 1" in page
    assert told.get("/alerts")[0]["status"] == "open"
    too_few = told.http.get(f"/monitoring/alerts/{alert}/expected?since=2013-04-06").text
    assert "This cannot be done" in too_few
    send(told, alert, do="expect", reason="new gauge", since="2013-04-03")
    (found,) = told.get("/alerts")
    assert (found["status"], found["reason"]) == ("resolved", "expected: new gauge")
    assert told.get("/flights.json")["versions"][0]["digest"] != before


def test_a_page_of_another_site_cannot_press_a_button(told):
    alert = told.get("/alerts")[0]["id"]
    path = f"/monitoring/alerts/{alert}/change"
    headers = {"Origin": "https://evil.example"}
    answer = told.http.post(path, headers=headers, data={"do": "resolve"})
    assert answer.status_code == 403
    assert told.get("/alerts")[0]["status"] == "open"


def test_pages_of_an_empty_server_say_what_to_do(server):
    assert "Point a payload log at /monitoring/events" in server.http.get("/monitoring").text
    assert server.http.get("/monitoring/nobody").status_code == 404


def test_a_model_with_a_reference_only_has_a_page(server):
    server.put("/models/new/reference", version="1", features={"a": [1, 2]})
    assert "no prediction has arrived yet" in server.http.get("/monitoring/new").text


def test_an_alert_leads_to_its_version_in_the_registry():
    from dovetail.monitoring.ui.links import version_link

    assert version_link("embedded")("flights", "3") == "/tracking/models/flights/versions/3"
    assert version_link("off")("flights", "3") == ""
    assert version_link("embedded")("flights", "") == ""


def test_a_model_without_a_reference_is_not_called_as_it_was_validated(server, log):
    texts = ["It is a cat. " * 10, "It is a dog. " * 10]
    said = log.response("r", [0.0, 1.0])
    said.data["outputs"] = [{"name": "p", "shape": [2], "datatype": "BYTES", "data": texts}]
    server.send(said, log.outcomes("o", {("r", 0): "cat", ("r", 1): "dog"}))
    sentence = "Nothing can be said of flights yet: put a reference of the version that answers."
    assert server.get("/flights.json")["verdict"]["sentence"] == sentence
    page = server.http.get("/monitoring/flights").text
    assert "2 rows are left out, whose answer is no number or no probability." in page
    assert "Log probabilities beside the labels." in page
    assert "All labels have arrived" not in page
    assert "not judged yet" in server.http.get("/monitoring").text
