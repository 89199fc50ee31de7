"""Callers without a token, where the operator lets them look and infer."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from dovetail.base.settings import ServerSettings
from dovetail.serving.piece import piece
from dovetail.web.alone import Surroundings
from dovetail.web.testing import run_piece


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        run_piece(piece, state=tmp_path, auth=True, anonymous="viewer") as server,
        httpx.Client(base_url=server.url) as client,
    ):
        yield client


@pytest.mark.parametrize("path", ["/v2", "/v2/health/ready", "/metrics", "/serving"])
def test_callers_without_a_token_may_look(caller: httpx.Client, path: str) -> None:
    assert caller.get(path).status_code == 200


def test_callers_without_a_token_may_infer(caller: httpx.Client) -> None:
    answer = caller.post("/v2/models/absent/infer", json={"inputs": []})
    assert answer.status_code in (400, 404), answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/repository/models/late/load"),
        ("POST", "/v2/repository/models/late/unload"),
        ("PUT", "/v2/models/late/traffic"),
    ],
)
def test_callers_without_a_token_change_nothing(
    caller: httpx.Client, method: str, path: str
) -> None:
    answer = caller.request(method, path, json={})
    assert answer.status_code == 403
    assert answer.json()["error"] == (
        "anonymous may not change anything. no token was sent. use a token with the role editor."
    )


def test_a_wrong_token_is_refused_all_the_same(caller: httpx.Client) -> None:
    answer = caller.get("/v2", headers={"Authorization": "Bearer dvt_guess"})
    assert answer.status_code == 401


def test_a_name_of_the_cluster_is_answered(caller: httpx.Client) -> None:
    assert caller.get("/v2", headers={"Host": "late.models.svc:8080"}).status_code == 200


def test_nobody_is_anonymous_unless_a_setting_says_so(tmp_path: Path) -> None:
    tokens = Surroundings(ServerSettings(host="0.0.0.0", state=str(tmp_path)), {}).tokens()
    assert tokens is not None
    assert tokens.identify(None) is None
    tokens.close()


def test_no_other_role_can_be_given_to_everybody() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"anonymous": "editor"}, ServerSettings)
