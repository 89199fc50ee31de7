"""Who may do what: every route of the piece, asked by nobody, by a viewer and by an editor."""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from starlette.routing import BaseRoute, Mount, Route

from dovetail.base.clock import SystemClock
from dovetail.base.settings import ServerSettings
from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings
from dovetail.web.alone import Surroundings
from dovetail.web.app import Mounted, create_app
from dovetail.web.auth import ROLES, Tokens
from dovetail.web.piece import Service
from dovetail.web.serve import serve_in_thread

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
OPEN = {"/health"}
PROTOCOL = ("/api/2.0/", "/api/3.0/", "/ajax-api/")
SIGNED = "/mlflow-artifacts/signed/"
MEASURED = {"experiment_sizes"}  # a cache, renewed when somebody looks
READS = {"GET", "HEAD", "OPTIONS"}


class Guarded:
    """A server that asks for tokens, and what lies behind it."""

    def __init__(self, url: str, state: Path, service: Service, tokens: dict[str, str]) -> None:
        self.url, self.state, self.service, self.tokens = url, state, service, tokens
        self.run, self.file, self.hook = "", "", ""

    def ask(self, method: str, path: str, role: str = "", **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        headers |= request.pop("headers", {})
        return httpx.request(
            method, self.url + path, headers=headers, trust_env=False, timeout=30, **request
        )

    def contents(self) -> dict[str, Any]:
        """All rows that hold what users said, and a digest of every artifact."""
        engine = sa.create_engine(f"sqlite:///{self.state / 'tracking.db'}")
        found: dict[str, Any] = {}
        with engine.connect() as connection:
            names = set(sa.inspect(engine).get_table_names()) - MEASURED
            for name in sorted(names):
                rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()
                found[name] = sorted(map(repr, rows))
        engine.dispose()
        for file in sorted((self.state / "artifacts").rglob("*")):
            if file.is_file() and ".staging" not in file.parts:  # the server's own
                found[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest()
        return found


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    state = tmp_path_factory.mktemp("guarded")
    server = ServerSettings(port=0, state=str(state), auth=True)
    around = Surroundings(server, {"tracking": "embedded"}, SystemClock())
    service = piece.build(around.context(), TrackingSettings(webhook_allow=("hooks.example",)))
    tokens = around.tokens()
    assert isinstance(tokens, Tokens)
    made = {role: tokens.create(f"the-{role}", role) for role in ROLES}
    app = create_app([Mounted(piece, service)], transport=around.transport, tokens=tokens)
    with serve_in_thread(app) as running:
        guarded = Guarded(running.url, state, service, made)
        _fill(guarded)
        yield guarded
    tokens.close()


def _fill(guarded: Guarded) -> None:
    """Something of every kind, so that there is what a call could change."""
    run = guarded.ask("POST", f"{API}/runs/create", "editor", json={"experiment_id": "0"}).json()
    guarded.run = run["run"]["info"]["run_id"]
    guarded.file = f"{FILES}/0/{guarded.run}/artifacts/a.txt"
    model = {"name": "m"}
    for path, body in (
        ("registered-models/create", model),
        ("model-versions/create", {**model, "source": "s3://b/m"}),
        ("registered-models/alias", {**model, "alias": "champion", "version": "1"}),
    ):
        assert guarded.ask("POST", f"{API}/{path}", "editor", json=body).is_success
    assert guarded.ask("PUT", guarded.file, "editor", content=b"kept").is_success
    events = [{"entity": "MODEL_VERSION", "action": "CREATED"}]
    hook = {"name": "h", "url": "https://hooks.example/", "events": events}
    made = guarded.ask("POST", f"{API}/webhooks", "admin", json=hook).json()
    guarded.hook = made["webhook"]["webhook_id"]


def every_call(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each method and path template that the piece answers."""
    for route in routes:
        if isinstance(route, Mount):
            yield from every_call(route.routes, prefix + route.path)
        else:
            assert isinstance(route, Route), f"{route} is walked by nobody"
            for method in sorted(route.methods or {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                yield method, prefix + route.path


def _addressed(guarded: Guarded, template: str) -> str:
    """Fill a template with things that exist."""
    known = {
        "webhook_id": guarded.hook,
        "run_id": guarded.run,
        "experiment_id": "0",
        "name": "m",
        "path": f"0/{guarded.run}/artifacts/a.txt",
    }
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: known.get(found[1], "1"), template)


def _body(guarded: Guarded) -> dict[str, Any]:
    """A body that would do harm in as many calls as possible."""
    return {
        "run_id": guarded.run,
        "experiment_id": "0",
        "experiment_ids": ["0"],
        "new_name": "changed",
        "name": "m",
        "version": "1",
        "alias": "champion",
        "key": "k",
        "value": "1",
        "timestamp": 1,
        "status": "DISABLED",
        "stage": "Archived",
        "source": "s3://b/other",
        "url": "https://hooks.example/other",
        "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}],
    }


def test_the_walk_meets_every_kind_of_route(guarded: Guarded) -> None:
    calls = set(every_call(guarded.service.routes))
    assert ("POST", f"{API}/runs/create") in calls
    assert ("PATCH", "/ajax-api/2.0/mlflow/webhooks/{webhook_id}") in calls
    assert ("POST", "/tracking/webhooks/{webhook_id}/test") in calls
    assert any(path.startswith(FILES) and method == "PUT" for method, path in calls)
    assert len(calls) > 150


def test_nobody_without_a_token_reads_or_changes_anything(guarded: Guarded) -> None:
    before = guarded.contents()
    for method, template in every_call(guarded.service.routes):
        if template in OPEN:
            continue
        path = _addressed(guarded, template)
        for headers in ({}, {"Authorization": "Bearer dvt_wrong"}):
            content = {} if method in READS else {"json": _body(guarded)}
            answer = guarded.ask(method, path, headers=headers, **content)
            if SIGNED in template:  # the URL itself is the proof, and this one is none
                assert answer.status_code == 403, f"{method} {path}"
                continue
            assert answer.status_code == 401, f"{method} {path}"
            assert "WWW-Authenticate" in answer.headers, f"{method} {path}"
            if template.startswith(PROTOCOL) and method != "HEAD":
                assert answer.json()["error_code"] == "UNAUTHENTICATED", f"{method} {path}"
    assert guarded.contents() == before


def test_a_viewer_changes_nothing_and_may_call_what_only_reads(guarded: Guarded) -> None:
    before = guarded.contents()
    reads = re.compile("|".join(f"(?:{one})$" for one in guarded.service.reads))
    for method, template in every_call(guarded.service.routes):
        path = _addressed(guarded, template)
        content = {} if method in READS else {"json": _body(guarded)}
        answer = guarded.ask(method, path, "viewer", **content)
        if method in READS or reads.match(path):
            assert answer.status_code != 401, f"{method} {path}"
            continue
        assert answer.status_code == 403, f"{method} {path} {answer.text}"
        if template.startswith(PROTOCOL):
            assert answer.json()["error_code"] == "PERMISSION_DENIED", f"{method} {path}"
    assert guarded.contents() == before


def test_a_viewer_reads_searches_and_downloads(guarded: Guarded) -> None:
    for prefix in (API, "/ajax-api/2.0/mlflow"):
        for path, body in (
            ("experiments/search", {"max_results": 5}),
            ("runs/search", {"experiment_ids": ["0"]}),
            ("logged-models/search", {"experiment_ids": ["0"]}),
            ("registered-models/get-latest-versions", {"name": "m"}),
        ):
            assert guarded.ask("POST", f"{prefix}/{path}", "viewer", json=body).is_success, path
    assert guarded.ask("GET", guarded.file, "viewer").content == b"kept"
    assert guarded.ask("GET", f"{API}/runs/get?run_id={guarded.run}", "viewer").is_success
    assert guarded.ask("GET", "/tracking", "viewer").is_success


def test_a_token_is_taken_as_bearer_and_as_password_under_any_name(guarded: Guarded) -> None:
    secret = guarded.tokens["viewer"]
    for user in ("the-viewer", "somebody", "", "ä"):
        basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
        for word in ("Basic", "basic"):
            headers = {"Authorization": f"{word} {basic}"}
            answer = guarded.ask("GET", f"{API}/experiments/get?experiment_id=0", headers=headers)
            assert answer.is_success, user
    for wrong in (f"Basic {base64.b64encode(secret.encode()).decode()}", "Basic ?", "Digest x"):
        answer = guarded.ask("GET", "/tracking", headers={"Authorization": wrong})
        assert answer.status_code == 401


def test_a_refusal_names_both_ways_to_send_a_token(guarded: Guarded) -> None:
    answer = guarded.ask("GET", f"{API}/experiments/get?experiment_id=0")
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="mlflow", Bearer realm="dovetail"'
    assert answer.json() == {
        "error_code": "UNAUTHENTICATED",
        "message": "this address needs an API token. none was sent. send 'Authorization: Bearer "
        "TOKEN'; make one with: dovetail token create.",
    }


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "status"),
    [
        ("viewer", "GET", "", {}, 403),
        ("editor", "GET", "", {}, 200),
        ("editor", "GET", "/HOOK", {}, 200),
        ("editor", "POST", "", {"name": "n"}, 403),
        ("approver", "PATCH", "/HOOK", {"url": "https://hooks.example/x"}, 403),
        ("editor", "PATCH", "/HOOK", {"status": "DISABLED", "secret": "x"}, 403),
        ("editor", "PATCH", "/HOOK", {"status": "DISABLED"}, 200),
        ("editor", "DELETE", "/HOOK", {}, 403),
        ("editor", "POST", "/HOOK/test", {}, 200),
        ("admin", "PATCH", "/HOOK", {"status": "ACTIVE", "description": "x"}, 200),
    ],
)
def test_admins_manage_webhooks_editors_test_and_switch_them(
    guarded: Guarded, role: str, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    if method == "POST" and not path:
        events = [{"entity": "MODEL_VERSION", "action": "CREATED"}]
        body = {**body, "url": "https://hooks.example/", "events": events}
    where = f"{API}/webhooks{path.replace('HOOK', guarded.hook)}"
    content = {} if method == "GET" else {"json": body}
    answer = guarded.ask(method, where, role, **content)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["error_code"] == "PERMISSION_DENIED"


def test_the_page_shows_a_viewer_the_host_of_a_receiver_and_no_button(guarded: Guarded) -> None:
    url = "https://hooks.example/services/T0/secret"
    events = [{"entity": "PROMPT", "action": "CREATED"}]
    made = {"name": "chat", "url": url, "events": events}
    assert guarded.ask("POST", f"{API}/webhooks", "admin", json=made).is_success
    for path in ("/tracking/webhooks", "/tracking/webhooks.json"):
        seen, whole = (guarded.ask("GET", path, role).text for role in ("viewer", "editor"))
        assert "https://hooks.example/…" in seen
        assert "services/T0" not in seen
        assert url in whole
        assert ("<button formaction" in whole) == (path == "/tracking/webhooks")
        assert "<button formaction" not in seen
