"""Values at the edge of what MLflow takes, compared word for word."""

from typing import Any

from conversation import Step, get, other, post

DATASET = {"name": "d", "digest": "g", "source_type": "local", "source": "{}"}
LONG = "x" * 251


def to(path: str, *bodies: dict[str, Any], **always: Any) -> list[Step]:
    """One POST to a path for each body."""
    return [Step("POST", path, {**always, **body}) for body in bodies]


METRICS = to(
    "/runs/log-metric",
    *({"value": value} for value in ("1", "NaN", "Infinity", "-Infinity", "inf", "x", None)),
    *({"timestamp": at} for at in ("5", 5.0, "x", None, -1, 0)),
    *({"step": step} for step in ("3", -3, None, "x")),
    *({"key": key} for key in ("", "a b", "a/b", "a//b", "/a", "a/", "./a", "a:b", "é", LONG, 5)),
    *({"key": key} for key in (".", "..", "a\\b", "a\nb", "日本")),
    *({"run_id": run} for run in ("", 5, "../x")),
    {"unknown": 1},
    {"dataset_name": "d"},
    {"dataset_name": "d", "dataset_digest": "1"},
    run_id="{run}",
    key="m",
    value=1,
    timestamp=1,
)

TEXTS: list[dict[str, Any]] = [
    {"key": "a", "value": "1"},
    {"key": "b"},
    {"key": "", "value": "x"},
    {"value": "x"},
    {"key": "d", "value": 5},
    {"key": "e", "value": None},
    {"key": LONG, "value": "v"},
    {"key": "a;b", "value": "v"},
    {"key": "é", "value": "日本 🎉"},
    {"key": "h", "value": True},
    {"key": "long", "value": "v" * 9000},
]

BATCHES = to(
    "/runs/log-batch",
    {},
    {"run_id": ""},
    {"run_id": 5},
    {"run_id": "nope"},
    {"metrics": "foo"},
    {"metrics": {}},
    {"metrics": [{"key": "b", "value": 1, "timestamp": -1}]},
    {"metrics": [{"key": "b;c", "value": 1, "timestamp": 1}]},
    {"metrics": [{"key": "", "value": 1, "timestamp": 1}]},
    {"metrics": [{"key": "b", "timestamp": 1}]},
    {"metrics": [{"key": "i", "value": "Infinity", "timestamp": "1", "step": "2"}]},
    {"params": "x"},
    {"params": [{"value": "x"}]},
    {"params": [{"key": "", "value": "x"}]},
    {"params": [{"key": "x;y", "value": "x"}]},
    {"tags": "x"},
    {"tags": [{"value": "x"}]},
    {"tags": [{"key": "ta", "value": "1"}, {"key": "ta", "value": "2"}]},
    {"tags": [{"key": "x;y", "value": "x"}]},
    {"metrics": [{"key": f"m{i}", "value": 1, "timestamp": 1} for i in range(1001)]},
    {"params": [{"key": f"m{i}", "value": "1"} for i in range(101)]},
    run_id="{run}",
)

MODEL = '{"artifact_path": "a", "flavors": {"f": {"config": 1, "y": 2}}, "utc_time_created": "t"'

EDGES = [
    post("/experiments/create", {"exp": "experiment_id"}, name="edge values"),
    *to("/experiments/create", *({"name": name} for name in (5, True, ["x"], None))),
    post("/experiments/create", name="long", artifact_location="x" * 2049, loose=True),
    post("/experiments/update", experiment_id="{exp}"),
    post("/experiments/update", experiment_id="{exp}", new_name=""),
    post("/experiments/set-experiment-tag", experiment_id="{exp}", key="日本", value="語"),
    post("/experiments/set-experiment-tag", experiment_id="{exp}", key=LONG, value="v"),
    post("/experiments/set-experiment-tag", experiment_id="{exp}", key="v", value="v" * 20_001),
    post("/experiments/set-experiment-tag", experiment_id="{exp}", key="a/../b", value="v"),
    *(get("/experiments/get", experiment_id=number) for number in ("", "1.5", "-1")),
    post("/experiments/search", max_results=1, view_type=2),
    post("/runs/create", {"run": "run.info.run_id"}, experiment_id="{exp}", run_name="日本 🎉"),
    post(
        "/runs/create",
        {"odd": "run.info.run_id"},
        experiment_id="{exp}",
        run_name="odd",
        tags=[{"key": "user@host;x", "value": "y"}],
    ),
    *METRICS,
    *to("/runs/log-parameter", *TEXTS, run_id="{run}"),
    *to("/runs/set-tag", *TEXTS, run_id="{run}"),
    *BATCHES,
    *to(
        "/runs/update",
        {},
        {"status": 3},
        {"end_time": "5"},
        {"run_name": "new"},
        {"run_name": ""},
        {"status": "KILLED", "end_time": 7, "run_name": "k"},
        {"run_id": ""},
        run_id="{run}",
    ),
    get("/runs/get", run_id="{run}"),
    *to("/runs/log-inputs", {}, {"datasets": "x"}, {"datasets": []}, run_id="{run}"),
    *(
        post("/runs/log-inputs", run_id="{run}", datasets=[{"dataset": {**DATASET, **wrong}}])
        for wrong in ({"name": "x" * 501}, {"digest": "x" * 37}, {"source": "x" * 65_536})
    ),
    post("/runs/outputs", run_id="{run}"),
    get("/metrics/get-history", run_id="nope", metric_key="m"),
    get("/metrics/get-history", run_id="{run}", metric_key="m"),
    get("/metrics/get-history", run_id="{run}"),
    *(
        get("/metrics/get-history-bulk-interval", **{"run_ids": ["{run}"], "metric_key": "m"} | one)
        for one in (
            {},
            {"max_results": 2},
            {"max_results": 0},
            {"max_results": 2501},
            {"start_step": 0},
            {"start_step": 1, "end_step": 0},
            {"metric_key": ""},
            {"run_ids": []},
            {"run_ids": ["nope"]},
            {"run_ids": ["x"] * 101},
        )
    ),
    post("/runs/log-model", run_id="{run}"),
    post("/runs/log-model", run_id="{run}", model_json="{"),
    post("/runs/log-model", run_id="{run}", model_json="{}", loose=True),
    post("/runs/log-model", run_id="{run}", model_json=MODEL + ', "run_id": "x", "z": 1}'),
    get("/runs/get", run_id="{run}"),
    post("/registered-models/create", name="edge values"),
    *to("/registered-models/create", *({"name": n} for n in (" ", ".", "..", "../x", 5, None))),
    *to(
        "/model-versions/create",
        *({"source": source} for source in ("", None, 5, "s3://b", "s3://b/./x", "x", "s3://b/x")),
        name="edge values",
    ),
    *(get("/model-versions/get", name="edge values", version=v) for v in ("0", "-1", "1.0", "")),
    *to(
        "/registered-models/alias",
        *(
            {"alias": alias}
            for alias in ("a_b-c", "é", "a.b", " ", "LATEST", "V12", "v", "x" * 256)
        ),
        name="edge values",
        version="1",
    ),
    other("DELETE", "/registered-models/alias", name="edge values", alias=""),
    *(
        post("/registered-models/get-latest-versions", name="edge values", **given)
        for given in ({}, {"stages": []}, {"stages": ["x"]}, {"stages": "Staging"})
    ),
    post("/logged-models/search"),
    post(
        "/logged-models/search", experiment_ids=["{exp}"], filter="dataset.name = 'd'", loose=True
    ),
]
