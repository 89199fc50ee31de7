"""A form of the registry's pages meets the gates of governance as every client does."""

from pathlib import Path

import httpx
import pytest

from dovetail.app.compose import compose
from dovetail.app.configuration import load
from dovetail.web.serve import serve_in_thread

API = "/api/2.0/mlflow"
GATE = '[[governance.gates]]\nalias = "champion"\nevidence = ["evaluation"]\n'
FORM = {"do": "alias", "alias": "champion", "version": "1"}


def test_a_form_is_refused_by_a_gate_and_let_through_by_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dovetail.toml").write_text(GATE)
    app = compose(load(None, {"state": str(tmp_path / "state")}))
    with serve_in_thread(app) as running, httpx.Client(base_url=running.url) as client:
        client.post(f"{API}/registered-models/create", json={"name": "flights"})
        version = {"name": "flights", "source": "s3://b/k"}
        client.post(f"{API}/model-versions/create", json=version)
        refused = client.post("/tracking/models/flights/change", data=FORM)
        assert refused.status_code == 403
        assert "evaluation" in refused.text
        assert client.get("/tracking/models/flights.json").json()["aliases"] == []
        evidence = {"model": "flights", "version": "1", "kind": "evaluation", "verdict": "pass"}
        assert client.post("/governance/evidence", json=evidence).status_code == 201
        assert client.post("/tracking/models/flights/change", data=FORM).status_code == 303
        (alias,) = client.get("/tracking/models/flights.json").json()["aliases"]
        assert (alias["alias"], alias["version"]) == ("champion", "1")
        log = client.get("/governance/log?subject=flights@champion").json()
        assert next(entry["kind"] for entry in log).startswith("alias.")
