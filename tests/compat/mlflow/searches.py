"""Searches, one for each turn of MLflow's filter and order grammar, compared by what they find.

The texts are in `searches.json`; each conversation first makes what is searched.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from conversation import Step, post

SEARCHES = json.loads((Path(__file__).parent / "searches.json").read_text())


def searches(kind: str, **always: Any) -> list[Step]:
    """One search for each filter and each order of a kind of thing, compared by names."""
    cases, method = (
        SEARCHES[kind],
        "GET" if kind in ("registered-models", "model-versions") else "POST",
    )
    given = [{**always, "filter": f"{always.get('filter', '')}{text}"} for text in cases["filters"]]
    given += [{**always, "order_by": order} for order in cases.get("orders", ())]
    return [Step(method, f"/{kind}/search", body, brief=True) for body in given]


def values(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in pairs]


def points(**metrics: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": value, "timestamp": 1} for key, value in metrics.items()]


RUN_SEARCH = [
    post("/experiments/create", {"exp": "experiment_id"}, name="edge"),
    *(
        post(
            "/runs/create",
            {name: "run.info.run_id"},
            experiment_id="{exp}",
            run_name=name,
            user_id="me",
            start_time=1000 * number,
            tags=values(*tags),
        )
        for number, (name, tags) in enumerate(
            [
                ("one", [("team", "red"), ("a b", "x"), ("q", "it's")]),
                ("two", [("team", "Blue")]),
                ("three", [("mlflow.source.name", "s")]),
                ("four", [("team", "red_%"), ("dq", 'say "hi"')]),
            ],
            1,
        )
    ),
    post(
        "/runs/log-batch",
        run_id="{one}",
        metrics=points(
            **{"m": 0.5, "m/x": 1, "m.x": 2, "m-x": 3, "val acc": 4, "1m": 4},
        ),
        params=values(("p", "1"), ("p.q", "é"), ("empty", "")),
    ),
    post("/runs/log-batch", run_id="{two}", metrics=points(m="NaN"), params=values(("p", "10"))),
    post("/runs/log-batch", run_id="{three}", metrics=points(m="Infinity")),
    post(
        "/runs/log-batch",
        run_id="{four}",
        metrics=points(m="-Infinity"),
        params=values(("p", "A%b")),
    ),
    post("/runs/update", run_id="{two}", status="FINISHED", end_time=5000),
    post(
        "/runs/log-inputs",
        run_id="{one}",
        datasets=[
            {
                "dataset": {"name": "d", "digest": "g", "source_type": "local", "source": "{}"},
                "tags": values(("mlflow.data.context", "train")),
            }
        ],
    ),
    *searches("runs", experiment_ids=["{exp}"]),
]

EXPERIMENT_SEARCH = [
    *(
        post(
            "/experiments/create",
            {name: "experiment_id"},
            name=f"edge-{name}",
            tags=values(*tags),
        )
        for name, tags in (
            ("one", [("k", "v"), ("a b", "x")]),
            ("two", [("k", "V")]),
            ("three", []),
            ("fÖur", [("mlflow.note", "é")]),
        )
    ),
    *(
        replace(step, body={"order_by": ["name"], **step.body})
        for step in searches("experiments", filter="name LIKE 'edge-%' AND ", max_results=100)
    ),
]

REGISTRY_SEARCH = [
    post(
        "/registered-models/create",
        name="edge-m",
        tags=values(("k", "v")),
        description="d",
    ),
    post("/registered-models/create", name="edge-b B", tags=values(("k", "V"), ("a b", "x"))),
    post("/registered-models/create", name="edge-é"),
    *(
        post(
            "/model-versions/create",
            name="edge-m",
            source=f"s3://b/{number}",
            run_id=run,
            tags=values(*tags),
        )
        for number, (run, tags) in enumerate(
            [("r1", [("k", "v")]), ("r2", []), ("", [("mlflow.x", "1")]), ("r1", [("k", "w")])]
        )
    ),
    post("/model-versions/create", name="edge-é", source="s3://b/é"),
    *searches("registered-models", filter="name LIKE 'edge-%' AND "),
    *(
        replace(step, body={"order_by": ["name", "version_number DESC"], **step.body})
        for step in searches("model-versions", filter="name LIKE 'edge-%' AND ")
    ),
]

LOGGED_MODEL_SEARCH = [
    post("/experiments/create", {"lexp": "experiment_id"}, name="edge-logged"),
    post("/runs/create", {"lrun": "run.info.run_id"}, experiment_id="{lexp}", run_name="r"),
    *(
        post(
            "/logged-models",
            {name: "model.info.model_id"},
            experiment_id="{lexp}",
            name=name,
            model_type=kind,
            source_run_id="{lrun}",
            params=values(("p", name)),
            tags=values(("t", name), ("a b", "x")),
        )
        for name, kind in (("alpha", "t"), ("beta", "T"), ("gamma", None))
    ),
    *(
        post(
            "/runs/log-metric",
            run_id="{lrun}",
            key=key,
            value=value,
            timestamp=at,
            step=at,
            model_id=f"{{{model}}}",
        )
        for key, value, at, model in (
            ("auc", 0.5, 1, "alpha"),
            ("auc", 0.9, 2, "beta"),
            ("auc", 0.7, 3, "alpha"),
            ("nan", "NaN", 3, "gamma"),
        )
    ),
    *(
        replace(step, body={"order_by": [{"field_name": "name"}], **step.body})
        for step in searches("logged-models", experiment_ids=["{lexp}"])
    ),
]
