"""A conversation in MLflow's REST protocol, to be held with any server, and how to compare answers.

Each step is a request; names in braces stand for what earlier answers gave. Identifiers and times
are replaced by placeholders, so that two servers' answers can be compared word for word.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

API = "/api/2.0/mlflow"
TIMES = {
    "creation_time",
    "last_update_time",
    "creation_timestamp",
    "last_updated_timestamp",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
}
# An internal classification of errors, and workspaces, which this server does not have.
OMITTED = {"sqlstate", "error_class", "workspace"}
# MLflow leaves the aliases of versions out of lists, and the model_id out of all answers.
VERSIONS = {"latest_versions", "model_versions", "model_version"}
UNORDERED = {"metrics", "params", "tags", "aliases", "dataset_inputs", "latest_versions"}


@dataclass(frozen=True)
class Step:
    """One request of the conversation.

    Attributes:
        method: the HTTP method.
        path: below the API's prefix.
        body: JSON body, or the query of a GET.
        keep: names for parts of the answer, by dotted path.
        loose: compare only status and error code, because the words hold a database's message
            or a set in no order.
    """

    method: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    keep: dict[str, str] = field(default_factory=dict)
    loose: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path} {self.body}"


def get(path: str, /, loose: bool = False, **query: Any) -> Step:
    return Step("GET", path, query, {}, loose)


def post(
    path: str, /, keep: dict[str, str] | None = None, loose: bool = False, **body: Any
) -> Step:
    return Step("POST", path, body, keep or {}, loose)


def other(method: str, path: str, /, **body: Any) -> Step:
    return Step(method, path, body)


def converse(url: str, steps: list[Step]) -> list[tuple[int, Any]]:
    """Hold the conversation and return the comparable answers."""
    names: dict[str, str] = {}
    answers = []
    with httpx.Client(base_url=url + API, timeout=120) as client:
        for step in steps:
            path, body = _filled(step.path, names), _filled(step.body, names)
            given = {"params": body} if step.method == "GET" else {"json": body}
            answer = client.request(step.method, path, **given)
            found = _json(answer)
            for name, where in step.keep.items():
                names[name] = _at(found, where)
            answers.append((answer.status_code, _comparable(found, names, step.loose)))
    return answers


def _json(answer: httpx.Response) -> Any:
    """Return the answer's JSON; MLflow answers some of its own failures with a page."""
    try:
        return answer.json()
    except ValueError:
        return {"error_code": "NOT_JSON"}


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda m: names.get(m[1], m[0]), value)
    if isinstance(value, dict):
        return {key: _filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, names) for item in value]
    return value


def _at(value: Any, where: str) -> str:
    for part in where.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    return str(value)


def _comparable(answer: Any, names: dict[str, str], loose: bool) -> Any:
    if loose and "error_code" in answer:
        return answer["error_code"]
    return _plain(answer, {value: f"<{name}>" for name, value in names.items()}, "")


def _plain(value: Any, ids: dict[str, str], key: str) -> Any:
    if key in TIMES:
        return "<time>"
    if key == "experiment_id" and value in ids:
        return ids[value]
    if key == "next_page_token":
        return "<token>"
    if isinstance(value, dict):
        left_out = OMITTED | ({"model_id"} if key in VERSIONS else set())
        plain = {name: _plain(i, ids, name) for name, i in value.items() if name not in left_out}
        return {name: item for name, item in plain.items() if item not in ("", [], {}, None)}
    if isinstance(value, list):
        items = [_plain(item, ids, "") for item in value]
        if key in VERSIONS:
            items = [{name: i for name, i in item.items() if name != "aliases"} for item in items]
        return sorted(items, key=repr) if key in UNORDERED else items
    if isinstance(value, str) and key != "experiment_id":
        for found, name in ids.items():
            if len(found) > 8:
                value = value.replace(found, name)
        value = re.sub(r"(mlflow-artifacts:|with id |experiment )/?\d+", r"\1<n>", value)
    return value


RUN_SEARCHES: list[dict[str, Any]] = [
    {},
    {"filter": "metrics.auc > 0.5"},
    {"filter": "metrics.auc <= 0.5"},
    {"filter": "metrics.auc != 0.5"},
    {"filter": "metrics.nan != 1"},
    {"filter": "metrics.nan = 0"},
    {"filter": "params.lr = '0.1' and tags.team LIKE 're%'"},
    {"filter": "tags.team LIKE 'RE%'"},
    {"filter": "tags.team ILIKE 'RE%'"},
    {"filter": 'tags.team = "red"'},
    {"filter": "tags.`team` != 'red'"},
    {"filter": "params.lr IS NULL"},
    {"filter": "tags.team IS NOT NULL"},
    {"filter": "attributes.status = 'FINISHED'"},
    {"filter": "status != 'FINISHED'"},
    {"filter": "start_time > 1500"},
    {"filter": "created >= 1000 AND end_time < 3500"},
    {"filter": "run_name = 'one'"},
    {"filter": "attributes.`Run name` LIKE 't%'"},
    {"filter": "run_id IN ('{one}', '{two}')"},
    {"filter": "run_id NOT IN ('{one}')"},
    {"filter": "dataset.name = 'flights'"},
    {"filter": "datasets.digest IN ('d1', 'd9')"},
    {"filter": "dataset.context = 'training'"},
    {"order_by": ["metrics.auc"]},
    {"order_by": ["metrics.auc DESC"]},
    {"order_by": ["metric.nan DESC"]},
    {"order_by": ["params.lr", "start_time ASC"]},
    {"order_by": ["tags.team DESC"]},
    {"order_by": ["end_time DESC"]},
    {"order_by": ["attribute.run_name ASC"]},
    {"order_by": ["status", "`created` DESC"]},
    {"max_results": 2},
    {"max_results": 2, "page_token": "eyJvZmZzZXQiOiAyfQ=="},
    {"run_view_type": "DELETED_ONLY"},
    {"run_view_type": "ALL"},
    {"filter": "metrics.auc"},
    {"filter": "metrics.auc = 'x'"},
    {"filter": "params.lr = 0.1"},
    {"filter": "params.lr = x"},
    {"filter": "m.auc > 1"},
    {"filter": "metrics.auc > 1 OR metrics.auc < 0"},
    {"filter": "run_id IN ()"},
    {"filter": "status IN ('a')"},
    {"filter": "metrics.auc IS NULL"},
    {"order_by": ["metrics.auc up"]},
    {"max_results": 0},
    {"page_token": "x"},
]

TOO_MANY = [{"key": f"t{i}", "value": ""} for i in range(101)]

EXPERIMENTS = [
    post("/experiments/create", {"flights": "experiment_id"}, name="flights"),
    post("/experiments/create", name="flights", loose=True),
    post("/experiments/create", name=""),
    post("/experiments/create"),
    post("/experiments/create", name="x" * 501),
    post(
        "/experiments/create",
        {"tagged": "experiment_id"},
        name="tagged",
        tags=[{"key": "a", "value": "1"}],
    ),
    post(
        "/experiments/create",
        {"away": "experiment_id"},
        name="away",
        artifact_location="s3://bucket/path",
    ),
    post("/experiments/create", name="runs", artifact_location="runs:/a/b", loose=True),
    get("/experiments/get", experiment_id="{flights}"),
    get("/experiments/get", experiment_id="0"),
    get("/experiments/get", experiment_id="12345"),
    get("/experiments/get", experiment_id="abc"),
    get("/experiments/get"),
    get("/experiments/get-by-name", experiment_name="tagged"),
    get("/experiments/get-by-name", experiment_name="none"),
    post("/experiments/set-experiment-tag", experiment_id="{flights}", key="k", value="v"),
    post("/experiments/set-experiment-tag", experiment_id="{flights}", key="a;b", value="v"),
    post("/experiments/delete-experiment-tag", experiment_id="{flights}", key="k"),
    post("/experiments/delete-experiment-tag", experiment_id="{flights}", key="k"),
    post("/experiments/update", experiment_id="{flights}", new_name="renamed"),
    post("/experiments/delete", experiment_id="{flights}"),
    post("/experiments/delete", experiment_id="{flights}"),
    post("/experiments/update", experiment_id="{flights}", new_name="again"),
    post("/experiments/set-experiment-tag", experiment_id="{flights}", key="k", value="v"),
    post("/experiments/restore", experiment_id="{flights}"),
    post("/experiments/search", filter="name LIKE 'ren%'", max_results=10),
    post("/experiments/search", filter="tags.a = '1'", max_results=10),
    post("/experiments/search", filter="name = 'x' OR name = 'y'", max_results=10),
    post("/experiments/search", filter="experiment_id = '{flights}'", max_results=10),
    post("/experiments/search", filter="params.a = '1'", max_results=10),
    post("/experiments/search", order_by=["name"], max_results=2),
    post("/experiments/search", max_results=0),
    get("/experiments/search", max_results=1, order_by=["name"]),
]

RUNS = [
    post("/experiments/create", {"exp": "experiment_id"}, name="runs-experiment"),
    *(
        post(
            "/runs/create",
            {name: "run.info.run_id"},
            experiment_id="{exp}",
            run_name=name,
            user_id="me",
            start_time=1000 * number,
            tags=[{"key": "team", "value": team}] if team else [],
        )
        for number, (name, team) in enumerate(
            [("one", "red"), ("two", "blue"), ("three", ""), ("four", "red")], 1
        )
    ),
    post("/runs/create", experiment_id="98765", start_time=1),
    post(
        "/runs/create",
        experiment_id="{exp}",
        run_name="a",
        tags=[{"key": "mlflow.runName", "value": "b"}],
    ),
    *(
        post("/runs/log-batch", run_id=f"{{{name}}}", metrics=metrics, params=params)
        for name, metrics, params in (
            (
                "one",
                [
                    {"key": "auc", "value": 0.9, "timestamp": 5, "step": 1},
                    {"key": "auc", "value": 0.5, "timestamp": 6, "step": 0},
                    {"key": "nan", "value": "NaN", "timestamp": 5},
                ],
                [{"key": "lr", "value": "0.1"}],
            ),
            ("two", [{"key": "auc", "value": 0.5, "timestamp": "7", "step": "3"}], []),
            (
                "four",
                [
                    {"key": "auc", "value": "Infinity", "timestamp": 5},
                    {"key": "nan", "value": 0, "timestamp": 5},
                ],
                [{"key": "lr", "value": "0.01"}],
            ),
        )
    ),
    post("/runs/log-metric", run_id="{one}", key="loss", value=-1.5, timestamp=10, step=-2),
    post("/runs/log-metric", run_id="{one}", key="loss", value=-1.5, timestamp=10, step=-2),
    post("/runs/log-metric", run_id="{one}", key="loss", timestamp=10),
    post("/runs/log-metric", run_id="{one}", key="bad;key", value=1, timestamp=10),
    post("/runs/log-metric", run_id="{one}", key="../up", value=1, timestamp=10),
    post("/runs/log-metric", run_id="{one}", value=1, timestamp=10),
    post("/runs/log-metric", run_id="nope", key="k", value=1, timestamp=10),
    post("/runs/log-parameter", run_id="{one}", key="depth", value="3"),
    post("/runs/log-parameter", run_id="{one}", key="depth", value="3"),
    post("/runs/log-parameter", run_id="{one}", key="depth", value="4"),
    post("/runs/log-batch", run_id="{one}", params=[{"key": "depth", "value": "5"}]),
    post("/runs/log-batch", run_id="{one}", params=[{"key": "a", "value": "1"}] * 2),
    post(
        "/runs/log-batch", run_id="{one}", tags=[{"key": f"t{i}", "value": ""} for i in range(101)]
    ),
    post("/runs/log-batch", run_id="{one}", metrics=[{"key": "k", "value": 1}]),
    post("/runs/log-batch", run_id="{one}", metrics=[{"value": 1, "timestamp": 1}]),
    post("/runs/log-batch"),
    post("/runs/set-tag", run_id="{one}", key="mlflow.note.content", value="hello"),
    post("/runs/set-tag", run_id="{two}", key="mlflow.runName", value="deux"),
    post("/runs/delete-tag", run_id="{one}", key="mlflow.note.content"),
    post("/runs/delete-tag", run_id="{one}", key="mlflow.note.content"),
    post("/runs/update", run_id="{two}", status="FINISHED", end_time=3000),
    post("/runs/update", run_id="{one}", status="FAILED", end_time=4000, run_name="uno"),
    post("/runs/update", run_id="{one}", run_name="one"),
    post(
        "/runs/log-inputs",
        run_id="{one}",
        datasets=[
            {
                "dataset": {
                    "name": "flights",
                    "digest": "d1",
                    "source_type": "local",
                    "source": "{}",
                    "schema": "s",
                },
                "tags": [{"key": "mlflow.data.context", "value": "training"}],
            }
        ],
    ),
    get("/runs/get", run_id="{one}"),
    get("/runs/get", run_uuid="{two}"),
    get("/runs/get", run_id="nope"),
    get("/runs/get"),
    get("/metrics/get-history", run_id="{one}", metric_key="auc"),
    get("/metrics/get-history", run_id="{one}", metric_key="auc", max_results=1),
    get("/metrics/get-history", run_id="{one}", metric_key="nan"),
    get("/metrics/get-history", run_id="{one}", metric_key="none"),
    get("/metrics/get-history", run_id="{one}", metric_key="auc", max_results=0),
    post("/runs/delete", run_id="{three}"),
    post("/runs/set-tag", run_id="{three}", key="k", value="v"),
    get("/runs/get", run_id="{three}"),
    *(post("/runs/search", experiment_ids=["{exp}"], **given) for given in RUN_SEARCHES),
    post("/runs/restore", run_id="{three}"),
    post("/runs/delete", run_id="nope"),
    get("/artifacts/list", run_id="{one}"),
    get("/artifacts/list", run_id="{one}", path="../x"),
]

REGISTRY = [
    post("/registered-models/create", name="m", description="d", tags=[{"key": "t", "value": "1"}]),
    post("/registered-models/create", name="m"),
    post("/registered-models/create", name="a/b"),
    post("/registered-models/create", name=""),
    post("/registered-models/create", name="n"),
    get("/registered-models/get", name="m"),
    get("/registered-models/get", name="none"),
    post("/model-versions/create", name="m", source="s3://b/k"),
    post(
        "/model-versions/create",
        name="m",
        source="s3://b/k2",
        run_id="r",
        tags=[{"key": "ok", "value": "yes"}],
        description="second",
        run_link="http://x",
    ),
    post("/model-versions/create", name="m", source="models:/m/1"),
    post("/model-versions/create", name="none", source="s3://b/k"),
    post("/model-versions/create", name="m", source="/etc/passwd"),
    post("/model-versions/create", name="m", source="file:///etc/passwd"),
    post("/model-versions/create", name="m", source="s3://b/../k"),
    post("/model-versions/create", name="m", source="mlflow-artifacts:/0/x/artifacts"),
    post("/model-versions/create", name="m", source="runs:/x/y"),
    post("/model-versions/create", name="m", source="models:/m-unknown"),
    post("/model-versions/create", name="m"),
    get("/model-versions/get", name="m", version="2"),
    get("/model-versions/get", name="m", version="9"),
    get("/model-versions/get", name="m", version="x"),
    get("/model-versions/get-download-uri", name="m", version="3"),
    post("/registered-models/alias", name="m", alias="champion", version="1"),
    post("/registered-models/alias", name="m", alias="champion", version="2"),
    post("/registered-models/alias", name="m", alias="latest", version="2"),
    post("/registered-models/alias", name="m", alias="v1", version="2"),
    post("/registered-models/alias", name="m", alias="a b", version="2"),
    post("/registered-models/alias", name="m", alias="x", version="9"),
    post("/registered-models/alias", name="m", alias="x"),
    get("/registered-models/alias", name="m", alias="champion"),
    get("/registered-models/alias", name="m", alias="none"),
    get("/registered-models/alias", name="none", alias="champion"),
    get("/registered-models/alias", name="m", alias="latest"),
    post("/registered-models/set-tag", name="m", key="k", value="v"),
    other("DELETE", "/registered-models/delete-tag", name="m", key="t"),
    post("/model-versions/set-tag", name="m", version="1", key="k", value="v"),
    other("DELETE", "/model-versions/delete-tag", name="m", version="2", key="ok"),
    other("PATCH", "/registered-models/update", name="m", description="new"),
    other("PATCH", "/model-versions/update", name="m", version="1", description="first"),
    post(
        "/model-versions/transition-stage",
        name="m",
        version="1",
        stage="production",
        archive_existing_versions=False,
    ),
    post(
        "/model-versions/transition-stage",
        name="m",
        version="2",
        stage="Production",
        archive_existing_versions=True,
    ),
    post("/model-versions/transition-stage", name="m", version="2", stage="live"),
    post("/registered-models/get-latest-versions", name="m", stages=["Production", "Archived"]),
    get("/registered-models/get", name="m"),
    get("/registered-models/search"),
    get("/registered-models/search", filter="name LIKE 'm%'", order_by=["name DESC"]),
    get("/registered-models/search", filter="tags.k = 'v'"),
    get("/registered-models/search", filter="run_id = '1'", loose=True),
    get("/registered-models/search", max_results=1),
    get("/registered-models/search", max_results=1001, loose=True),
    get("/model-versions/search", filter="name = 'm'", order_by=["version_number ASC"]),
    get("/model-versions/search", filter="run_id IN ('r')"),
    get("/model-versions/search", filter="tags.k = 'v'"),
    get("/model-versions/search", filter="version_number >= 2", order_by=["version_number DESC"]),
    get("/model-versions/search", filter="name LIKE 'm%' AND source_path = 's3://b/k'"),
    other("DELETE", "/registered-models/alias", name="m", alias="champion"),
    other("DELETE", "/registered-models/alias", name="m", alias="champion"),
    other("DELETE", "/model-versions/delete", name="m", version="3"),
    get("/model-versions/get", name="m", version="3"),
    post("/model-versions/create", name="m", source="s3://b/k4"),
    post("/registered-models/rename", name="m", new_name="n", loose=True),
    post("/registered-models/rename", name="m", new_name="renamed"),
    get("/model-versions/get", name="renamed", version="2"),
    other("DELETE", "/registered-models/delete", name="renamed"),
    get("/registered-models/get", name="renamed"),
]

LOGGED_MODELS = [
    post("/experiments/create", {"lexp": "experiment_id"}, name="logged-experiment"),
    post(
        "/runs/create",
        {"lrun": "run.info.run_id"},
        experiment_id="{lexp}",
        run_name="r",
        start_time=1,
    ),
    *(
        post(
            "/logged-models",
            {name: "model.info.model_id"},
            experiment_id="{lexp}",
            name=name,
            model_type="t",
            source_run_id="{lrun}",
            params=[{"key": "p", "value": name}],
            tags=[{"key": "t", "value": name}],
        )
        for name in ("alpha", "beta")
    ),
    post("/logged-models", experiment_id="{lexp}", name="a/b"),
    post("/logged-models", experiment_id="99999", name="x"),
    other("PATCH", "/logged-models/{alpha}", model_id="{alpha}", status="LOGGED_MODEL_READY"),
    other("PATCH", "/logged-models/{alpha}/tags", tags=[{"key": "t", "value": "2"}]),
    get("/logged-models/{alpha}"),
    get("/logged-models/m-none"),
    post(
        "/runs/log-metric",
        run_id="{lrun}",
        key="auc",
        value=0.5,
        timestamp=1,
        step=1,
        model_id="{alpha}",
        dataset_name="d",
        dataset_digest="1",
    ),
    post(
        "/runs/log-metric",
        run_id="{lrun}",
        key="auc",
        value=0.9,
        timestamp=2,
        step=2,
        model_id="{beta}",
    ),
    post("/runs/outputs", run_id="{lrun}", models=[{"model_id": "{alpha}", "step": 1}]),
    post("/runs/log-inputs", run_id="{lrun}", models=[{"model_id": "{beta}"}]),
    get("/runs/get", run_id="{lrun}"),
    *(
        post("/logged-models/search", experiment_ids=["{lexp}"], **given)
        for given in (
            {},
            {"filter": "metrics.auc > 0.6"},
            {"filter": "params.p = 'alpha' AND tags.t = '2'"},
            {"filter": "name LIKE 'a%'"},
            {"filter": "source_run_id = '{lrun}'"},
            {"order_by": [{"field_name": "metrics.auc", "ascending": False}]},
            {"order_by": [{"field_name": "name"}]},
            {"datasets": [{"dataset_name": "d", "dataset_digest": "1"}]},
            {"max_results": 1},
        )
    ),
    post("/registered-models/create", name="from-logged"),
    post(
        "/model-versions/create",
        name="from-logged",
        source="models:/{alpha}",
        model_id="{alpha}",
        run_id="{lrun}",
    ),
    get("/model-versions/get-download-uri", name="from-logged", version="1"),
    get("/logged-models/{alpha}"),
    other("DELETE", "/logged-models/{beta}/tags/t"),
    other("DELETE", "/logged-models/{beta}/tags/t"),
    other("DELETE", "/logged-models/{beta}"),
    get("/logged-models/{beta}"),
    get("/logged-models/{beta}", allow_deleted="true"),
]

CONVERSATIONS = {
    "experiments": EXPERIMENTS,
    "runs": RUNS,
    "registry": REGISTRY,
    "logged-models": LOGGED_MODELS,
}
