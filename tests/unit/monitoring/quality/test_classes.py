"""Models of several classes in the service: payloads of a real one, outcomes of every kind."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.unit.monitoring.conftest import moment

from dovetail.wire.cloudevents import Event

NAMES = ["barolo", "grignolino", "barbera"]
COLUMNS = ["a", "b", "c"]


def event(kind, name, body, at="2013-04-01T06:00:00Z"):
    """As KServe's logger sends it: the body as it went over the wire."""
    return Event(
        id=name,
        source="http://localhost:9081/",
        type=f"org.kubeflow.serving.inference.{kind}",
        time=moment(at),
        data=body,
        extensions={"inferenceservicename": "wine"},
    )


def v2(x, p, version="1"):
    """Bodies of MLServer's scikit-learn runtime with the outputs predict and predict_proba."""
    asked = {
        "inputs": [
            {"name": "x", "datatype": "FP64", "shape": list(x.shape), "data": x.ravel().tolist()}
        ],
        "parameters": {"columns": COLUMNS},
    }
    chosen = [NAMES[k] for k in p.argmax(axis=1)]
    outputs = [
        {"name": "predict", "datatype": "BYTES", "shape": [len(p), 1], "data": chosen},
        {
            "name": "predict_proba",
            "datatype": "FP64",
            "shape": list(p.shape),
            "data": p.ravel().tolist(),
        },
    ]
    return asked, {"model_name": "wine", "model_version": version, "outputs": outputs}


@pytest.fixture(scope="module")
def wine():
    """Features, classes and probabilities of a real model; many rows by drawing again."""
    found = load_wine()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05)).fit(
        found.data[::2, :3], found.target[::2]
    )
    r = np.random.default_rng(0)
    drawn = r.choice(len(found.target), 3000)
    x = found.data[drawn, :3] + r.normal(0, 0.3, (3000, 3))
    p = model.predict_proba(x)
    y = np.array([r.choice(3, p=row) for row in p])  # so that the model is calibrated
    return x, y, p


def put_reference(server, wine, rows=1500):
    x, y, p = wine
    server.put(
        "/models/wine/reference",
        version="1",
        task="multiclass",
        classes=NAMES,
        features={name: x[:rows, j].tolist() for j, name in enumerate(COLUMNS)},
        scores=p[:rows].tolist(),
        labels=[NAMES[k] for k in y[:rows]],
    )


def send(server, x, p, y, name, at="2013-04-01T06:00:00Z", label=lambda k: NAMES[k]):
    asked, answered = v2(x, p)
    data = {
        "model": "wine",
        "request_ids": [name] * len(y),
        "rows": list(range(len(y))),
        "values": [label(k) for k in y],
    }
    outcome = Event(id=name, source="/truth", type="dev.dovetail.outcome", data=data)
    outcomes = [outcome] if len(y) else []
    server.send(event("response", name, answered, at), event("request", name, asked, at), *outcomes)


def figures(found):
    return {m["name"]: m["value"] for m in found["realised"]}


def close_to_sklearn(found, y, p, names):
    said = p.argmax(axis=1)
    got = figures(found)
    assert got["log_loss"] == pytest.approx(log_loss(y, p))
    assert got["auc"] == pytest.approx(roc_auc_score(y, p, multi_class="ovr"))
    assert got["accuracy"] == pytest.approx((said == y).mean())
    assert got["f1"] == pytest.approx(f1_score(y, said, average="macro"))
    assert got["micro_f1"] == pytest.approx(f1_score(y, said, average="micro"))
    for k, name in enumerate(names):
        assert got[f"auc of {name}"] == pytest.approx(roc_auc_score(y == k, p[:, k]))
        assert got[f"f1 of {name}"] == pytest.approx(f1_score(y == k, said == k))
    assert found["classes"] == names
    assert found["confusion"] == confusion_matrix(y, said).tolist()
    assert [sum(point["rows"] for point in one) for one in found["class_reliability"]] == [
        len(y)
    ] * len(names)


def test_outcomes_by_name_give_what_scikit_learn_computes(server, wine):
    x, y, p = (a[2000:2400] for a in wine)
    put_reference(server, wine)
    for k in range(0, 400, 50):
        send(server, x[k : k + 50], p[k : k + 50], y[k : k + 50], f"r{k}")
    found = server.get("/models/wine/quality")
    assert found["task"] == "multiclass"
    assert (found["arrival"]["predictions"], found["arrival"]["labelled"]) == (400, 400)
    close_to_sklearn(found, y, p, NAMES)
    estimated = {m["name"]: m for m in found["estimated"]["figures"]}
    for name in ("auc", "log_loss", "accuracy", "f1"):
        assert estimated[name]["low"] < figures(found)[name] < estimated[name]["high"]
    window = server.get("/models/wine/performance")
    assert window["outcomes"] == 400
    for name in ("auc", "log_loss", "brier"):
        assert window[name] == pytest.approx(figures(found)[name], abs=1e-5)
        assert window[f"{name}_interval"][0] < window[name] < window[f"{name}_interval"][1]


def test_without_a_reference_classes_are_positions(server, wine):
    x, y, p = (a[:200] for a in wine)
    send(server, x, p, y, "r", label=float)
    close_to_sklearn(server.get("/models/wine/quality"), y, p, ["0", "1", "2"])


def test_positions_count_where_classes_have_names_and_what_is_no_class_is_refused(server, wine):
    x, y, p = (a[:200] for a in wine)
    put_reference(server, wine)
    send(server, x, p, y, "r", label=float)
    send(server, x[:3], p[:3], [0, 0, 0], "odd", label=lambda _: "chardonnay")
    found = server.get("/models/wine/quality")
    assert found["arrival"]["refused"] == 3
    close_to_sklearn(found, y, p, NAMES)


def test_kserves_older_bodies_and_late_corrected_outcomes(server, wine):
    _, y, p = (a[:200] for a in wine)
    put_reference(server, wine)
    server.send(event("response", "r", {"predictions": p.tolist(), "model_version": "1"}))
    wrong = [{"request_id": "r", "row": k, "value": "barbera"} for k in range(200)]
    right = [{"request_id": "r", "row": k, "value": NAMES[c]} for k, c in enumerate(y)]
    for name, told, at in (("b", right, "2013-05-02"), ("a", wrong, "2013-05-01")):
        data = {"model": "wine", "outcomes": told}
        time = moment(f"{at}T00:00:00Z")
        server.send(Event(id=name, source="/t", type="dev.dovetail.outcome", time=time, data=data))
    close_to_sklearn(server.get("/models/wine/quality"), y, p, NAMES)
    (kept,) = server.get("/models/wine/requests/r")
    assert kept["outcomes"] == [NAMES[k] for k in y]
    assert np.allclose(kept["shares"], p)


def test_drift_of_the_chosen_classes_and_losses_are_watched(server, wine):
    x, y, p = wine
    put_reference(server, wine)
    days = [f"2013-04-{d:02}" for d in range(1, 9)]
    rows = np.random.default_rng(1).choice(1500, (8, 300)) + 1500
    for day, here in zip(days[:4], rows[:4], strict=True):
        send(server, x[here], p[here], y[here], day, at=f"{day}T06:00:00Z")
        assert server.post("/models/wine/close", day=day) == []
    bad = (y + 1) % 3  # what comes true is another class, and one class is chosen more often
    often = np.flatnonzero(p[1500:].argmax(axis=1) == 2) + 1500
    raised = []
    for day, here in zip(days[4:], rows[4:], strict=True):
        here = np.r_[here[:100], np.resize(often, 200)]
        send(server, x[here], p[here], bad[here], day, at=f"{day}T06:00:00Z")
        raised += server.post("/models/wine/close", day=day)
    assert {alert["kind"] for alert in raised} == {"drift", "performance"}
    drift = next(alert for alert in raised if alert["kind"] == "drift")
    assert "(prediction)" in [column["column"] for column in drift["facts"]["columns"]]


def test_a_profile_of_several_classes_goes_through_its_file_and_merges(wine):
    from dovetail.monitoring.profile_merge import merge_profiles
    from dovetail.monitoring.reference import Reference

    x, y, p = wine

    def fit(here, like=None):
        return Reference.fit(
            {"a": x[here, 0]}, scores=p[here], labels=y[here], task="multiclass",
            classes=NAMES, version="1", like=like,
        )  # fmt: skip

    first = fit(slice(0, 1500))
    whole = merge_profiles(first, fit(slice(1500, 3000), first))
    assert Reference.from_profile(whole.profile()) == whole
    assert whole.prediction.rows == 3000
    exact = roc_auc_score(y, p, multi_class="ovr")
    assert whole.performance.auc == pytest.approx(exact, abs=0.002)
    assert whole.performance.log_loss == pytest.approx(log_loss(y, p))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"scores": [0.5, 0.5]}, "not a table of probabilities"),
        ({"classes": ["a"]}, "1 classes but 3 columns"),
        ({"labels": ["barolo", "merlot"]}, "'merlot' is no class"),
    ],
    ids=["scores", "classes", "labels"],
)
def test_a_reference_that_does_not_fit_is_refused(server, more, said):
    body = {
        "version": "1",
        "task": "multiclass",
        "classes": NAMES,
        "scores": [[0.2, 0.3, 0.5]] * 2,
        "labels": ["barolo", 2],
    }
    answer = server.http.put("/monitoring/models/wine/reference", json=body | more)
    assert answer.status_code == 400, answer.text
    assert said in answer.text
