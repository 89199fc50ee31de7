"""Whatever is sent to any endpoint, the answer has MLflow's shape and the server goes on.

Requests are grown from the endpoints' own types: fields of the right type with hostile contents,
fields of the wrong type, missing and unknown ones, with names of things that exist in between.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece
from dovetail.wire.mlflow import ENDPOINTS, PREFIX, Client, Endpoint, Metric

EXAMPLES = 60 if "CI" in os.environ else 8  # requests an endpoint: a minute where changes land
CODES = {
    "ALREADY_EXISTS",
    "BAD_REQUEST",
    "ENDPOINT_NOT_FOUND",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "NOT_IMPLEMENTED",
    "PERMISSION_DENIED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_CONFLICT",
    "RESOURCE_DOES_NOT_EXIST",
}
HOSTILE = (
    "",
    " ",
    "0",
    "1",
    "-1",
    "9" * 30,
    "a" * 300,
    "\x00",
    "a\x00b",
    "\ud7ff\U0010ffff",
    "ключ ключ",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "file:///etc/passwd",
    "mlflow-artifacts:/../../x",
    "'; DROP TABLE runs; --",
    "metrics.`a` > 0",
    "metrics.a > 1 AND params.b = 'x' OR 1=1",
    "name LIKE '%' ESCAPE",
    'tags.`a\'b` = "c"',
    "metrics.a DESC, metrics.b ASC, start_time",
    "ACTIVE_ONLY",
    "NaN",
    "1e999",
    "e30=",
    "eyJvZmZzZXQiOiAtMX0=",
    "null",
    "champion",
    "flights",
    "Default",
    "\u202ereversed",
)


@pytest.fixture(scope="module")
def postgres_database(postgres_server: str) -> str:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE fuzz")
    return f"{postgres_server}/fuzz"


class World:
    """A server with a little of everything in it."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        with Client(url) as client:
            experiment = client.ensure_experiment("flights")
            run = client.create_run(experiment, tags={"a": "b"}).info.run_id
            metrics = [Metric("auc", 0.5, 1, step) for step in range(3)]
            client.log_batch(run, metrics=metrics, params={"depth": "6"})
            client.create_registered_model("flights")
            client.create_model_version("flights", "s3://bucket/model", run_id=run)
            client.set_alias("flights", "champion", "1")
        self.names = (experiment, run, "flights", "champion", "1", "auc", "depth", "a")

    def send(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.http.request(method, path, **given)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    database = request.getfixturevalue("postgres_database") if request.param != "sqlite" else ""
    with run_piece(piece, state=tmp_path_factory.mktemp("fuzz"), database=database) as running:
        found = World(running.url)
        yield found
        found.http.close()


def anything() -> st.SearchStrategy[Any]:
    """Any JSON, small."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts(())
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(()), inner, max_size=3),
        max_leaves=6,
    )


def texts(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    return st.sampled_from((*HOSTILE, *names)) | plain


def values_of(kind: msgspec.inspect.Type, names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Values of a type, and now and then of another."""
    i = msgspec.inspect
    good: st.SearchStrategy[Any]
    if isinstance(kind, i.StrType | i.LiteralType):
        good = texts(names)
    elif isinstance(kind, i.IntType):
        good = st.integers(-(2**70), 2**70) | st.integers(0, 100)
    elif isinstance(kind, i.FloatType):
        good = st.floats() | st.sampled_from(["NaN", "-Infinity", "1.5"])
    elif isinstance(kind, i.BoolType):
        good = st.booleans()
    elif isinstance(kind, i.VarTupleType | i.ListType):
        good = st.lists(values_of(kind.item_type, names), max_size=4)
    elif isinstance(kind, i.UnionType):
        good = st.one_of([values_of(one, names) for one in kind.types])
    elif isinstance(kind, i.StructType):
        good = bodies_of(kind, names)
    else:
        good = anything()
    return st.integers(0, 9).flatmap(lambda n: good if n else anything())


def bodies_of(
    kind: msgspec.inspect.StructType, names: tuple[str, ...]
) -> st.SearchStrategy[Mapping[str, Any]]:
    fields = {field.encode_name: values_of(field.type, names) for field in kind.fields}
    return st.fixed_dictionaries({}, optional={**fields, "surprise": anything()})


def holds(response: httpx.Response) -> None:
    """The answer is one that MLflow could have given."""
    if response.status_code == 200:
        json.loads(response.content)
        return
    said = json.loads(response.content)
    assert said["error_code"] in CODES, (response.status_code, said)
    assert isinstance(said["message"], str)
    assert response.status_code < 500 or said["error_code"] in ("INVALID_STATE", "NOT_IMPLEMENTED")


def path_of(endpoint: Endpoint[Any, Any], body: dict[str, Any]) -> str:
    path = PREFIX + endpoint.path
    for part in ("model_id", "tag_key"):
        if f"{{{part}}}" in path:
            text = str(body.pop(part, "m-1")) or "m-1"
            quoted = httpx.URL("http://h/" + httpx.QueryParams({"x": text}).__str__()[2:])
            path = path.replace(f"{{{part}}}", quoted.raw_path.decode()[1:] or "m-1")
    return path


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
def test_every_endpoint_withstands_any_request(endpoint: Endpoint[Any, Any], world: World) -> None:
    kind = msgspec.inspect.type_info(endpoint.request)
    assert isinstance(kind, msgspec.inspect.StructType)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies_of(kind, world.names) | anything())
    def attack(body: Any) -> None:
        fields = dict(body) if isinstance(body, dict) else {}
        path = path_of(endpoint, fields)
        if endpoint.method == "GET":
            pairs = [
                (key, str(one))
                for key, value in fields.items()
                for one in (value if isinstance(value, list) else [value])
            ]
            holds(world.send("GET", path, params=pairs))
        else:
            content = json.dumps(fields if isinstance(body, dict) else body)
            holds(world.send(endpoint.method, path, content=content))

    attack()
    assert world.send("GET", "/health").text == "OK"


MALFORMED = {
    "nothing": b"",
    "no JSON": b"<xml/>",
    "half": b'{"name": "a',
    "deep": b'{"a":' * 100_000,
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "quoted": json.dumps(json.dumps({"name": "quoted"})).encode(),
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a huge number": b'{"name": ' + b"9" * 10_000 + b"}",
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
    "the same key often": b"{" + b'"name": "a",' * 10_000 + b'"name": 1}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=list(MALFORMED))
@pytest.mark.parametrize("path", ["/experiments/create", "/runs/log-batch", "/runs/search"])
def test_a_malformed_body_is_refused(world: World, path: str, body: bytes) -> None:
    holds(world.send("POST", PREFIX + path, content=body))


def test_a_value_of_a_hundred_megabytes_is_refused_before_it_is_read(world: World) -> None:
    body = b'{"run_id": "x", "key": "k", "value": "' + b"x" * 100_000_000 + b'"}'
    answer = world.send("POST", f"{PREFIX}/runs/log-parameter", content=body)
    assert answer.status_code == 413
    assert answer.json() == {
        "error_code": "INVALID_PARAMETER_VALUE",
        "message": "the request is over 64 MiB.",
    }


@pytest.mark.parametrize(
    "token", ["x", "e30=", "eyJvZmZzZXQiOiAtMX0=", "0", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "\x00"]
)
@pytest.mark.parametrize("path", ["/runs/search", "/experiments/search", "/logged-models/search"])
def test_a_bad_page_token_is_refused(world: World, path: str, token: str) -> None:
    body = {"experiment_ids": [world.names[0]], "page_token": token, "max_results": 5}
    answer = world.send("POST", PREFIX + path, json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_names_in_any_script_come_back_as_they_were(world: World) -> None:
    for name in ("пилот", "航班", "✈️ flights", "a'b\"c`d", "tab\tand\nline", "e\u0301"):
        made = world.send("POST", f"{PREFIX}/experiments/create", json={"name": name})
        number = made.json()["experiment_id"]
        found = world.send(
            "GET", f"{PREFIX}/experiments/get-by-name", params={"experiment_name": name}
        )
        assert found.json()["experiment"]["experiment_id"] == number
        assert found.json()["experiment"]["name"] == name
