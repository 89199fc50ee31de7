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
        brief: compare of what a search found only the names, and of a refusal only the code.
    """

    method: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    keep: dict[str, str] = field(default_factory=dict)
    loose: bool = False
    brief: bool = False

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
            compared = _names_in(found) if step.brief else _comparable(found, names, step.loose)
            answers.append((answer.status_code, compared))
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


NAMES = {
    "runs": lambda run: run["info"]["run_name"],
    "experiments": lambda experiment: experiment["name"],
    "registered_models": lambda model: model["name"],
    "model_versions": lambda version: f"{version['name']}/{version['version']}",
    "models": lambda model: model["info"]["name"],
}


def _names_in(answer: Any) -> Any:
    if "error_code" in answer:
        return answer["error_code"]
    return [name(one) for key, name in NAMES.items() for one in answer.get(key, ())]


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
