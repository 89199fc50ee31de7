"""Models that only name the class they choose, in the service."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from tests.unit.monitoring.quality.test_classes import event

from dovetail.monitoring.named import Named, named_rows
from dovetail.wire.cloudevents import Event

NAMES = ["setosa", "versicolor", "virginica"]
DAY = "2013-04-01"


@pytest.fixture(scope="module")
def said():
    """What came true and what was answered: right in four of five."""
    r = np.random.default_rng(0)
    true = r.choice(NAMES, 300)
    wrong = r.choice(NAMES, 300)
    return true, np.where(r.random(300) < 0.8, true, wrong)


def bodies(answers):
    """The ways to name a class: Open Inference texts in either shape, and KServe V1."""
    names = list(map(str, answers))
    tensor = {"name": "predict", "datatype": "BYTES", "data": names}
    return {
        "column": {"outputs": [tensor | {"shape": [len(names), 1]}]},
        "flat": {"outputs": [tensor | {"shape": [len(names)]}]},
        "v1": {"predictions": names},
    }


def send(server, true, answers, way="flat", name="r", known=None):
    body = bodies(answers)[way] | {"model_version": "1"}
    known = len(true) if known is None else known
    data = {
        "model": "wine",
        "request_ids": [name] * known,
        "rows": list(range(known)),
        "values": list(map(str, true[:known])),
    }
    outcome = Event(id=name, source="/truth", type="dev.dovetail.outcome", data=data)
    server.send(event("response", name, body), *([outcome] if known else []))


def figures(found):
    return {m["name"]: m["value"] for m in found["realised"]}


@pytest.mark.parametrize("way", ["column", "flat", "v1"])
def test_names_give_what_scikit_learn_computes(server, said, way):
    true, answers = said
    send(server, true, answers, way)
    found = server.get("/models/wine/quality")
    got = figures(found)
    assert (found["task"], found["classes"]) == ("multiclass", NAMES)
    assert got["accuracy"] == pytest.approx(accuracy_score(true, answers))
    assert got["f1"] == pytest.approx(f1_score(true, answers, average="macro"))
    for name in NAMES:
        assert got[f"f1 of {name}"] == pytest.approx(f1_score(true == name, answers == name))
    assert found["confusion"] == confusion_matrix(true, answers, labels=NAMES).tolist()
    assert not {"auc", "log_loss", "brier", "calibration_error"} & got.keys()
    assert (found["reliability"], found["class_reliability"]) == ([], [])
    window = server.get("/models/wine/performance", start=DAY, end=DAY)
    assert window["accuracy"] == got["accuracy"]
    low, high = window["accuracy_interval"]
    assert low < window["accuracy"] < high
    assert window["positives"] is None


def test_labels_that_are_missing_are_weighted_by_the_class_that_was_named(server, said):
    true, answers = said
    order = np.argsort(answers == "setosa", kind="stable")  # those wait the longest
    send(server, true[order], answers[order], known=220)
    arrival = server.get("/models/wine/quality")["arrival"]
    assert (arrival["predictions"], arrival["labelled"]) == (300, 220)
    assert arrival["uneven"] < 0.001
    assert "not alike at all classes" in arrival["note"]
    assert arrival["weighted"]["name"] == "error"


def test_a_name_that_no_reference_knows_and_an_outcome_by_position_count(server, said):
    true, answers = (list(map(str, part)) for part in said)
    server.put(
        "/models/wine/reference",
        version="1",
        task="multiclass",
        classes=NAMES[::-1],
        features={"a": np.random.default_rng(0).normal(size=200).tolist()},
    )
    answers[:5] = ["hybrid"] * 5
    send(server, [NAMES[::-1].index(name) for name in true], answers)
    found = server.get("/models/wine/quality")
    assert found["classes"] == [*NAMES[::-1], "hybrid"]
    assert figures(found)["accuracy"] == pytest.approx(accuracy_score(true, answers))


def test_positions_are_classes_where_the_reference_names_them(server, said):
    true, answers = said
    server.put(
        "/models/wine/reference",
        version="1",
        task="multiclass",
        classes=NAMES,
        features={"a": np.random.default_rng(0).normal(size=200).tolist()},
    )
    numbers = [NAMES.index(name) for name in answers]
    tensor = {"name": "y", "datatype": "INT64", "shape": [len(numbers)], "data": numbers}
    body = {"outputs": [tensor], "model_version": "1"}
    data = {
        "model": "wine",
        "request_ids": ["r"] * len(true),
        "rows": list(range(len(true))),
        "values": list(map(str, true)),
    }
    outcome = Event(id="r", source="/truth", type="dev.dovetail.outcome", data=data)
    server.send(event("response", "r", body), outcome)
    got = figures(server.get("/models/wine/quality"))
    assert got["accuracy"] == pytest.approx(accuracy_score(true, answers))


def test_texts_that_are_no_classes_are_counted_and_measured_by_nothing(server):
    long = ["once upon a time " * 20] * 3
    send(server, ["good", "bad", "good"], long, known=3)
    found = server.get("/models/wine/quality")
    assert found["realised"] == []
    assert server.get("/models/wine/performance", start=DAY, end=DAY)["predictions"] == 3
    many = [f"answer {k}" for k in range(500)]
    assert named_rows([Named(many, many)]) is None


def test_the_page_shows_accuracy_and_which_classes_are_taken_for_which(server, said):
    true, answers = said
    for way in ("flat", "v1"):
        send(server, true, answers, way, name=way)
    page = server.http.get("/monitoring/wine").text
    assert "Which classes are taken for which" in page
    table = confusion_matrix(true, answers, labels=NAMES)
    twin = server.get("/wine.json")
    assert [line["counts"] for line in twin["confusions"]["table"]] == (2 * table).tolist()
    assert [chart["title"] for chart in twin["charts"]] == ["Accuracy"]
    said_of_it = {part["title"]: part["value"] for part in twin["verdict"]["parts"]}
    accuracy = f"accuracy {accuracy_score(true, answers):.3f}"
    assert said_of_it["Performance"] == accuracy
    assert twin["verdict"]["sentence"] == (
        f"Nothing says whether wine has changed, for no reference is set: its {accuracy} is known."
    )
    assert twin["confusions"]["pairs"] == []


def test_of_many_classes_the_page_lists_the_commonest_mistakes(server):
    names = [f"class {k:02d}" for k in range(20)]
    true = np.repeat(names, 10)
    answers = true.copy()
    answers[:4], answers[10:12] = "class 07", "class 00"
    send(server, true, answers)
    found = server.get("/wine.json")["confusions"]
    assert found["table"] == []
    assert [(one["true"], one["chosen"], one["rows"]) for one in found["pairs"]] == [
        ("class 00", "class 07", 4),
        ("class 01", "class 00", 2),
    ]
    assert "Commonest mistakes" in server.http.get("/monitoring/wine").text


def test_one_request_shows_what_was_named(server):
    send(server, ["setosa"], ["virginica"])
    (one,) = server.get("/models/wine/requests/r")
    assert (one["names"], one["outcomes"]) == (["virginica"], ["setosa"])
