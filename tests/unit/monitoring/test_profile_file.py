"""A profile is a file that anybody may have written: it is read whole or refused, and says why."""

import json
from datetime import date

import numpy as np
import pytest

from dovetail.monitoring import Monitor, Reference
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.wire.monitoring import Client


def made(rows=500, **more):
    r = np.random.default_rng(0)
    x = r.standard_normal(rows)
    p = 1 / (1 + np.exp(-x))
    features = {"x": x, "y": r.standard_normal(rows), "c": ["a", "b"] * (rows // 2)}
    labels = (r.random(rows) < p).astype(float)
    return Reference.fit(features, scores=p, labels=labels, version="1", model="m", **more)


def test_evidence_from_a_profile_is_that_from_rows_to_the_last_digit():
    reference = made(keep_rows=False)
    monitors = [Monitor(reference), Monitor(Reference.from_profile(reference.profile()))]
    for day in range(3):
        r = np.random.default_rng(day)
        rows = {"x": r.normal(0.2, 1, 300), "y": r.normal(0, 1, 300), "c": ["a"] * 300}
        first, second = (m.update(rows, scores=np.full(300, 0.5)).drift for m in monitors)
        assert first == second


@pytest.mark.parametrize("rows", [1000, 100_000])
def test_a_profile_is_small_whatever_the_rows(rows):
    r = np.random.default_rng(1)
    wide = {f"n{j}": r.standard_normal(rows) for j in range(14)}
    wide |= {f"k{j}": r.geometric(0.02, rows).astype(str) for j in range(6)}
    assert len(Reference.fit(wide).profile()) < 250_000


def test_days_and_lengths_of_texts_are_noted():
    reference = Reference.fit(
        {"t": ["four", "sixsix", None]}, days=["2013-02-01", "2013-01-05", "2013-03-07"]
    )
    assert (str(reference.first), str(reference.last)) == ("2013-01-05", "2013-03-07")
    assert (reference.columns[0].length, reference.columns[0].length_deviation) == (5.0, 1.0)


def changed(*path, to):
    """A good file with one thing changed; the last step is the key."""
    file = json.loads(made(season="weekday", days=["2013-04-01"] * 500).profile())
    at = file
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return json.dumps(file).encode()


COLUMN = ("reference", "columns", 0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04", "JSON is malformed"),
        (b"[" * 100_000, "this is no valid monitoring profile"),
        (b"{}", "its format is ''"),
        (changed("schema", to=2), "the profile has schema 2, and this version reads up to 1"),
        (changed("reference", to=None), "Expected `object`"),
        (changed("reference", "rows", to=0), "it has no rows"),
        (changed("reference", "season", to="tides"), "there is no season 'tides'"),
        (changed("reference", "season", to=""), "has not one pool a season"),
        (changed(*COLUMN, "cuts", to=[2.0, 1.0]), "has not one count a bin"),
        (changed(*COLUMN, "counts", 3, to=-5), "counts more rows than there are"),
        (changed(*COLUMN, "counts", 3, to=10**400), "counts more rows than there are"),
        (changed(*COLUMN, "cuts", 3, to=9e99), "cuts that do not increase"),
        (changed(*COLUMN, "merge", 0, to=10**9), "merges bins out of order"),
        (changed(*COLUMN, "merge", to=[0]), "does not merge every bin"),
        (changed(*COLUMN, "pools", to=[]), "has not one pool a season"),
        (changed(*COLUMN, "pools", 0, to=[1, 2]), "has pools of another width"),
        (changed(*COLUMN, "pools", 1, to=[1]), "has a broken pool"),
        (changed(*COLUMN, "name", to="y"), "two columns have the same name"),
        (changed(*COLUMN, "kind", to="picture"), "Invalid enum value"),
        (changed("reference", "knots", to=[0.1]), "knots and heights differ in number"),
        (changed("reference", "scored", "rows", 0, to=-1), "the scores' counts do not fit"),
        (changed("reference", "performance", to=None), "it has labels but no performance"),
        (changed("reference", "joints", 0, "left", to=[]), None),
        (changed("reference", "joints", 0, "left", 0, "weight", to=None), "Expected `float`"),
    ],
)
def test_what_does_not_fit_together_is_refused(data, why):
    if why is None:  # a sum of no columns is a constant, harmless
        Reference.from_profile(data)
        return
    with pytest.raises(ReferenceInvalidError) as caught:
        Reference.from_profile(data)
    assert why in str(caught.value)


def test_unknown_fields_are_passed_over():
    data = changed("reference", "colour", to="green")
    assert Reference.from_profile(data).rows == 500


def test_the_service_takes_and_gives_profiles(server):
    path = "/monitoring/models/m/reference"
    profile = made().profile()
    answer = server.http.put(path, content=profile)
    assert answer.status_code == 200, answer.text
    assert answer.json()["digest"] == made().digest
    assert server.http.get(path).content == profile
    assert server.http.get(path, params={"version": "1"}).content == profile
    assert f'href="{path}?version=1"' in server.http.get("/monitoring/m").text
    missing = server.http.get(path, params={"version": "2"})
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:dovetail:reference-unknown")
    other = server.http.put(path.replace("/m/", "/n/"), content=profile)
    assert other.status_code == 400
    assert "the profile is of the model 'm', not 'n'" in other.text
    newer = server.http.put(path, content=changed("schema", to=99))
    assert (newer.status_code, newer.json()["type"]) == (400, "urn:dovetail:reference-invalid")
    outliers = server.http.get("/monitoring/models/m/outliers").json()
    assert outliers[0]["why"] == "the reference came as a profile, which has no rows"


def test_a_profile_without_a_version_gets_that_of_the_call(server):
    profile = Reference.fit({"x": [1.0, 2.0, 3.0]}).profile()
    path = "/monitoring/models/free/reference"
    answer = server.http.put(path, params={"version": "7"}, content=profile)
    assert answer.json()["version"] == "7"
    assert Reference.from_profile(server.http.get(path).content).model == "free"


def test_the_client_puts_and_gets_profiles(server, log):
    with Client(str(server.http.base_url)) as client:
        bare = Reference.fit({"x": [1.0, 2.0, 3.0, 5.0]}).profile()
        assert client.put_profile("flights", bare, version="4").version == "4"
        assert Reference.from_profile(client.profile("flights")).version == "4"
        at = "2013-04-02T06:00:00Z"
        asked = log.request("r", [[9.5], [11.0]], columns=["x"], at=at)
        server.send(asked, log.response("r", [0.5, 0.4], version="4", at=at))
        day = date(2013, 4, 2)
        assert Reference.from_profile(client.profile_between("flights", "4", day, day)).rows == 2
