"""The catalogue of features asks the model registry who uses a feature service."""

import json
from pathlib import Path

import httpx

from dovetail.features.piece import piece as features
from dovetail.features.settings import FeatureSettings
from dovetail.tracking.piece import piece as tracking
from dovetail.web.testing import run_piece
from dovetail.wire import mlflow

DEFINITIONS = """
from dovetail.features import Entity, FeatureService, LatestView, PushSource
people = LatestView("people", entities=[Entity("who")], source=PushSource("news"), features=["age"])
mail = FeatureService("mail", [people], tags={"model": "by-hand"})
"""


def test_models_of_a_service_are_at_the_end_of_its_lineage(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text(DEFINITIONS)
    settings = FeatureSettings(definitions=str(file))
    with run_piece(tracking, state=tmp_path / "t") as registry:
        with mlflow.Client(registry.url) as client:
            client.create_registered_model("opens")
            for tagged in (True, False, True):
                made = client.create_model_version("opens", "s3://bucket/opens")
                if tagged:
                    tag = ("opens", made.version, "dovetail.feature_service", "mail")
                    client.set_model_version_tag(*tag)
        joints = {"tracking": registry.url}
        with run_piece(features, settings, state=tmp_path / "f", joints=joints) as server:
            page = httpx.get(server.url + "/features/views/people/age.json").json()
            told = {n["label"]: n["note"] for n in page["lineage"]["nodes"]}
            assert (told["opens"], told["by-hand"]) == ("versions 3, 1", "model")
            (line,) = httpx.get(server.url + "/features.json").json()["services"]
            assert line["models"] == "opens, by-hand"


def test_a_registry_that_is_away_is_said_and_holds_nothing_up(tmp_path: Path) -> None:
    file = tmp_path / "features.py"
    file.write_text(DEFINITIONS)
    settings = FeatureSettings(definitions=str(file))
    joints = {"tracking": "http://127.0.0.1:9"}
    with run_piece(features, settings, state=tmp_path / "f", joints=joints) as server:
        page = httpx.get(server.url + "/features/views/people.json")
        assert json.loads(page.content)["lineage"]["problem"].startswith("The model registry")
        assert "by-hand" in httpx.get(server.url + "/features/views/people").text
