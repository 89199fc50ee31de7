from contextlib import contextmanager

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dovetail.governance import GateSettings, GovernanceSettings, piece
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece, serve_in_thread
from dovetail.wire.governance import Approval, Client, Evidence
from dovetail.wire.http import NotFound, Refused
from dovetail.wire.mlflow import Client as Registry

GATED = GovernanceSettings(gates=(GateSettings(),))
TWO_EYES = GovernanceSettings(gates=(GateSettings(approvals=1),))


class Versions:
    """A registry with one alias call, as MLflow answers it; everything else echoes."""

    def __init__(self):
        self.aliases = {}
        self.seen = []

    async def set(self, request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        self.seen.append(request.headers.get("authorization"))
        if body["version"] == "404":
            error = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no version 404"}
            return JSONResponse(error, 404)
        self.aliases[body["name"], body["alias"]] = body["version"]
        return JSONResponse({})

    async def drop(self, request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        self.aliases.pop((body["name"], body["alias"]), None)
        return JSONResponse({})

    async def echo(self, request: Request) -> Response:
        size = len(await request.body())
        return JSONResponse({"path": request.url.path, "query": request.url.query, "size": size})

    def app(self) -> Starlette:
        alias = "/api/2.0/mlflow/registered-models/alias"
        methods = ["GET", "POST", "PUT"]
        return Starlette(
            routes=[
                Route(alias, self.set, methods=["POST"]),
                Route(alias, self.drop, methods=["DELETE"]),
                Route("/{rest:path}", self.echo, methods=methods),
            ]
        )


@contextmanager
def guarded(tmp_path, settings=GATED, **server):
    versions = Versions()
    with (
        serve_in_thread(versions.app()) as registry,
        run_piece(
            piece, settings, state=tmp_path, joints={"tracking": registry.url}, **server
        ) as guard,
    ):
        yield versions, guard.url


def passing(version="3", kind="evaluation", verdict="pass"):
    facts = {"auc": 0.74}
    return Evidence(model="flights", version=version, kind=kind, verdict=verdict, facts=facts)


def test_a_protected_alias_needs_evidence(tmp_path):
    with guarded(tmp_path) as (versions, url), Registry(url) as registry, Client(url) as client:
        with pytest.raises(Refused, match=r"refuses version 3\. no evaluation evidence"):
            registry.set_alias("flights", "champion", "3")
        assert versions.aliases == {}
        client.put_evidence(passing())
        registry.set_alias("flights", "champion", "3")
        assert versions.aliases == {("flights", "champion"): "3"}
        kinds = [entry.kind for entry in client.log()]
        assert kinds == ["alias.set", "alias.intent", "evidence", "alias.refused"]
        assert client.verify().ok


def test_the_refusal_has_mlflows_shape(tmp_path):
    with guarded(tmp_path) as (_, url):
        body = {"name": "flights", "alias": "champion", "version": "3"}
        for prefix in ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow"):
            answer = httpx.post(f"{url}{prefix}/registered-models/alias", json=body)
            assert answer.status_code == 403
            assert answer.json()["error_code"] == "PERMISSION_DENIED"
            assert "dovetail governance check flights 3 champion" in answer.json()["message"]


def test_failed_evidence_closes_the_gate_again(tmp_path):
    with guarded(tmp_path) as (_, url), Registry(url) as registry, Client(url) as client:
        client.put_evidence(passing())
        client.put_evidence(passing(verdict="fail"))
        with pytest.raises(Refused, match="newest evaluation evidence failed"):
            registry.set_alias("flights", "champion", "3")
        assert client.check("flights", "3", "champion").open is False


def test_other_aliases_are_free_but_recorded(tmp_path):
    with guarded(tmp_path) as (versions, url), Registry(url) as registry, Client(url) as client:
        registry.set_alias("flights", "candidate", "7")
        assert versions.aliases == {("flights", "candidate"): "7"}
        assert client.alias_at("flights", "candidate").version == "7"


def test_a_rollback_is_never_refused(tmp_path):
    with guarded(tmp_path) as (versions, url), Registry(url) as registry, Client(url) as client:
        for version in ("1", "2"):
            client.put_evidence(passing(version))
            registry.set_alias("flights", "champion", version)
        client.put_evidence(passing("1", verdict="fail"))
        registry.set_alias("flights", "champion", "1")
        assert versions.aliases == {("flights", "champion"): "1"}


def test_the_history_answers_what_was_champion_when(tmp_path):
    path = "/api/2.0/mlflow/registered-models/alias"
    with guarded(tmp_path) as (_, url), Client(url) as client:
        for version, day in (("1", "2013-04-01"), ("2", "2013-06-10")):
            client.put_evidence(passing(version))
            httpx.post(
                url + path,
                json={"name": "flights", "alias": "champion", "version": version},
                headers={"Dovetail-Effective": f"{day}T00:00:00Z"},
            ).raise_for_status()
        at = {
            day: httpx.get(
                f"{url}/governance/aliases/flights/champion", params={"at": f"{day}T12:00:00Z"}
            ).json()["version"]
            for day in ("2013-03-01", "2013-05-03", "2013-06-11")
        }
    assert at == {"2013-03-01": None, "2013-05-03": "1", "2013-06-11": "2"}


def test_a_registry_that_refuses_is_recorded_as_failed(tmp_path):
    with guarded(tmp_path) as (_, url), Registry(url) as registry, Client(url) as client:
        with pytest.raises(NotFound, match="no version 404"):
            registry.set_alias("flights", "other", "404")
        assert client.log(kind="alias.failed")[0].body["version"] == "404"
        assert client.alias_at("flights", "other").version is None


def test_removing_an_alias_is_recorded(tmp_path):
    with guarded(tmp_path) as (versions, url), Registry(url) as registry, Client(url) as client:
        registry.set_alias("flights", "candidate", "7")
        registry.delete_alias("flights", "candidate")
        assert versions.aliases == {}
        assert client.alias_at("flights", "candidate").version is None


def test_every_other_mlflow_path_is_passed_through(tmp_path):
    with guarded(tmp_path) as (_, url):
        body = b"x" * 3_000_000
        path = "/api/2.0/mlflow-artifacts/artifacts/a%20b/model.bin"
        answer = httpx.put(f"{url}{path}?q=1", content=body).json()
    assert answer == {
        "path": "/api/2.0/mlflow-artifacts/artifacts/a b/model.bin",
        "query": "q=1",
        "size": 3_000_000,
    }


def test_a_registry_that_is_down_is_named(tmp_path, free_port):
    joints = {"tracking": f"http://127.0.0.1:{free_port()}"}
    with run_piece(piece, GovernanceSettings(), state=tmp_path, joints=joints) as guard:
        answer = httpx.get(f"{guard.url}/api/2.0/mlflow/experiments/search")
    assert answer.status_code == 503
    assert "correct [joints] tracking" in answer.json()["message"]


def test_four_eyes_need_two_people(tmp_path):
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    ann, bob = (tokens.create(name, "approver") for name in ("ann", "bob"))
    tokens.close()
    mine = Approval(model="flights", version="3", alias="champion", reason="I made it")
    with (
        guarded(tmp_path, TWO_EYES, auth=True) as (versions, url),
        Registry(url, token=ann) as registry,
        Client(url, token=ann) as as_ann,
        Client(url, token=bob) as as_bob,
    ):
        as_ann.put_evidence(passing())
        with pytest.raises(Refused, match="1 more approval"):
            registry.set_alias("flights", "champion", "3")
        with pytest.raises(Refused, match="ann may not approve this version"):
            as_ann.approve(mine)
        as_bob.approve(msgspec.structs.replace(mine, reason="the figures hold"))
        registry.set_alias("flights", "champion", "3")
        assert versions.aliases == {("flights", "champion"): "3"}
        assert as_bob.log(kind="alias.set")[0].body["approved_by"] == ["bob"]


def test_a_viewer_may_search_through_the_guard_and_change_nothing(tmp_path):
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    viewer = {"Authorization": f"Bearer {tokens.create('vic', 'viewer')}"}
    tokens.close()
    search, alias = "runs/search", "registered-models/alias"
    with guarded(tmp_path, auth=True) as (versions, url):
        api = f"{url}/api/2.0/mlflow"
        assert httpx.post(f"{api}/{search}", json={}, headers=viewer).is_success
        body = {"name": "flights", "alias": "x", "version": "1"}
        refused = httpx.post(f"{api}/{alias}", json=body, headers=viewer)
        assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED")
        unknown = httpx.post(f"{api}/{search}", json={})
        assert (unknown.status_code, unknown.json()["error_code"]) == (401, "UNAUTHENTICATED")
        assert unknown.headers["WWW-Authenticate"].startswith("Basic ")
        assert versions.seen == []


def test_lineage_events_join_the_record(tmp_path):
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2013-04-01T00:00:00Z",
        "run": {"runId": "0190"},
        "job": {"namespace": "demo", "name": "train"},
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    }
    with guarded(tmp_path) as (_, url), Client(url) as client:
        assert httpx.post(f"{url}/api/v1/lineage", json=event).status_code == 201
        assert httpx.post(f"{url}/api/v1/lineage", json={"run": 3}).status_code == 400
        assert client.log(kind="lineage")[0].body == event


def test_the_page_and_its_twin_show_the_record(tmp_path):
    with guarded(tmp_path) as (_, url), Registry(url) as registry, Client(url) as client:
        client.put_evidence(passing(kind="<script>alert(1)</script>"))
        registry.set_alias("flights", "other", "7")
        page = httpx.get(f"{url}/governance", headers={"accept": "text/html"})
        twin = httpx.get(f"{url}/governance.json").json()
    assert page.status_code == 200
    assert "flights@other" in page.text
    assert "<script>alert" not in page.text
    assert twin["intact"] == 3


def test_a_change_without_an_instant_to_count_from_is_refused_before_it_is_made(tmp_path):
    path = "/api/2.0/mlflow/registered-models/alias"
    with guarded(tmp_path) as (versions, url):
        answer = httpx.post(
            url + path,
            json={"name": "flights", "alias": "other", "version": "1"},
            headers={"Dovetail-Effective": "yesterday"},
        )
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "'yesterday', which is no instant" in answer.json()["message"]
    assert versions.aliases == {}
