"""The page of one run: what it logged, drawn and listed, where it stands, and what it left."""

import math
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import Connection, Row
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.handlers import runs as run_cases
from dovetail.tracking.store import lines, run_table
from dovetail.tracking.ui.columns import is_system
from dovetail.tracking.ui.experiment import LEVELS, PARENT, duration_of
from dovetail.tracking.ui.files import files_view, of_run
from dovetail.tracking.ui.views import RunPage
from dovetail.wire.mlflow import GetExperiment, GetRun, Metric, Run

__all__ = ["NOTE", "groups_of", "run_page"]

NOTE = "mlflow.note.content"
CHILDREN = 50
OPEN = 3
SYSTEM = "system"
CODE = {
    "mlflow.source.name": "Source",
    "mlflow.source.type": "Kind of source",
    "mlflow.source.git.commit": "Commit",
    "mlflow.source.git.branch": "Branch",
    "mlflow.source.git.repoURL": "Repository",
    "mlflow.project.entryPoint": "Entry point",
}


def run_page(b: Backend, c: Connection, request: Request) -> RunPage:
    """Return everything about one run.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: names the run.
    """
    run = run_cases.get(b, c, GetRun(run_id=request.path_params["run_id"])).run
    number = run.info.experiment_id
    experiment = experiment_cases.get(b, c, GetExperiment(number)).experiment
    labels = {tag.key: tag.value for tag in run.data.tags}
    row = lines.runs_of(c, [run.info.run_id])[0]
    query = request.query_params
    return RunPage(
        run=_facts(run),
        experiment={"name": experiment.name, "href": f"/tracking/experiments/{number}"},
        description=labels.get(NOTE, ""),
        parent=_parent(c, labels.get(PARENT, "")),
        **_children(c, run.info.run_id, number),
        code=[
            {"key": title, "value": labels[key]} for key, title in CODE.items() if labels.get(key)
        ],
        groups=groups_of(lines.curved(c, [row.id])),
        look={name: query.get(name, "") for name in ("x", "log", "smooth")},
        metrics=[_metric(metric) for metric in run.data.metrics],
        params=[{"key": param.key, "value": param.value} for param in run.data.params],
        tags=[_pair(key, value) for key, value in labels.items() if not is_system(key)],
        system_tags=[_pair(key, value) for key, value in labels.items() if is_system(key)],
        datasets=_datasets(run),
        models=_models(run),
        files=files_view(b, of_run(c, run.info.run_id), ""),
    )


def _pair(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}


def _facts(run: Run) -> dict[str, Any]:
    info = run.info
    return {
        "run_id": info.run_id,
        "name": info.run_name or info.run_id,
        "status": info.status,
        "level": LEVELS.get(info.status, "idle"),
        "lifecycle_stage": info.lifecycle_stage,
        "user": info.user_id or None,
        "started": info.start_time or None,
        "ended": info.end_time or None,
        "took": duration_of(info.start_time, info.end_time),
        "artifact_uri": info.artifact_uri,
    }


def _link(row: Row[Any]) -> dict[str, Any]:
    return {
        "name": row.run_name or row.run_id,
        "href": f"/tracking/runs/{row.run_id}",
        "run_id": row.run_id,
        "status": row.status,
        "level": LEVELS.get(row.status, "idle"),
        "started": row.start_time or None,
        "took": duration_of(row.start_time, row.end_time),
    }


def _parent(c: Connection, run_id: str) -> dict[str, Any] | None:
    found = lines.runs_of(c, [run_id]) if run_id else []
    return _link(found[0]) if found else None


def _children(c: Connection, run_id: str, experiment: str) -> dict[str, Any]:
    """Return the first children, and links to all of them as a table and side by side."""
    found = run_table.children(c, [run_id], CHILDREN).get(run_id, [])
    shown = [_link(row) for row in found[:CHILDREN]]
    table = urlencode({"filter": f"tags.{PARENT} = '{run_id}'"})
    ids = ",".join(child["run_id"] for child in shown)
    return {
        "children": shown,
        "all_children": f"/tracking/experiments/{experiment}?{table}" if shown else "",
        "compare_children": f"/tracking/compare?runs={ids}" if len(shown) > 1 else "",
    }


def groups_of(keys: list[str]) -> list[dict[str, Any]]:
    """Return metrics by the part of their name before the first slash, the machine's own last.

    Example:
        >>> [group["title"] for group in groups_of(["auc", "system/cpu", "val/loss", "val/auc"])]
        ['', 'val', 'system']
    """
    held: dict[str, list[str]] = {}
    for key in keys:
        prefix, slash, _ = key.partition("/")
        held.setdefault(prefix if slash else "", []).append(key)
    titles = sorted(held, key=lambda title: (title == SYSTEM, title))
    return [
        {"title": title, "keys": held[title], "open": i < OPEN and title != SYSTEM}
        for i, title in enumerate(titles)
    ]


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "key": metric.key,
        "value": metric.value if math.isfinite(metric.value) else None,
        "step": metric.step,
        "at": metric.timestamp,
    }


def _datasets(run: Run) -> list[dict[str, Any]]:
    return [
        {
            "name": one.dataset.name,
            "digest": one.dataset.digest,
            "source_type": one.dataset.source_type,
            "context": next((t.value for t in one.tags if t.key == "mlflow.data.context"), None),
        }
        for one in (run.inputs.dataset_inputs if run.inputs else ())
    ]


def _models(run: Run) -> list[dict[str, Any]]:
    inputs = run.inputs.model_inputs if run.inputs else ()
    outputs = run.outputs.model_outputs if run.outputs else ()
    read = [(one.model_id, "read", None) for one in inputs]
    made = [(one.model_id, "made", one.step) for one in outputs]
    return [
        {"model_id": key, "href": f"/tracking/logged-models/{key}", "role": role, "step": step}
        for key, role, step in (*read, *made)
    ]
