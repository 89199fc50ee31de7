"""The page of one run: what it logged, drawn and listed, and the files that it left."""

import math
from typing import Any

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import experiments as experiment_cases
from dovetail.tracking.handlers import runs as run_cases
from dovetail.tracking.ui.experiment import LEVELS, duration_of
from dovetail.tracking.ui.files import files_view, of_run
from dovetail.tracking.ui.views import RunPage
from dovetail.web.charts import Chart, Series
from dovetail.wire.mlflow import (
    GetExperiment,
    GetMetricHistoryBulkInterval,
    GetRun,
    Metric,
    Run,
)

__all__ = ["run_page"]

POINTS = 240
CHARTS = 6


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
    return RunPage(
        run=_facts(run),
        experiment={"name": experiment.name, "href": f"/tracking/experiments/{number}"},
        metrics=[_metric(metric) for metric in run.data.metrics],
        charts=_charts(b, c, run),
        params=[{"key": param.key, "value": param.value} for param in run.data.params],
        tags=[{"key": tag.key, "value": tag.value} for tag in run.data.tags],
        datasets=_datasets(run),
        models=_models(run),
        files=files_view(b, of_run(c, run.info.run_id), ""),
    )


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
        "seconds": duration_of(info.start_time, info.end_time),
        "artifact_uri": info.artifact_uri,
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "key": metric.key,
        "value": metric.value if math.isfinite(metric.value) else None,
        "step": metric.step,
        "at": metric.timestamp,
    }


def _charts(b: Backend, c: Connection, run: Run) -> list[Chart]:
    """Return a chart for each of the first metrics that has more than one point."""
    charts: list[Chart] = []
    for metric in run.data.metrics:
        if len(charts) == CHARTS:
            break
        asked = GetMetricHistoryBulkInterval(
            run_ids=(run.info.run_id,), metric_key=metric.key, max_results=POINTS
        )
        points = run_cases.metric_sample(b, c, asked).metrics
        if len({point.step for point in points}) > 1:
            charts.append(_chart(metric.key, points))
    return charts


def _chart(key: str, points: tuple[Metric, ...]) -> Chart:
    by_step = {point.step: point.value for point in points}
    values = [value if math.isfinite(value) else None for value in by_step.values()]
    return Chart(
        title=f"{key} by step",
        x=[float(step) for step in by_step],
        series=[Series(label=key, values=values)],
        time=False,
        digits=4,
    )


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
    read = [
        {"model_id": one.model_id, "href": _model_href(one.model_id), "role": "read", "step": None}
        for one in (run.inputs.model_inputs if run.inputs else ())
    ]
    made = [
        {
            "model_id": one.model_id,
            "href": _model_href(one.model_id),
            "role": "made",
            "step": one.step,
        }
        for one in (run.outputs.model_outputs if run.outputs else ())
    ]
    return [*read, *made]


def _model_href(model_id: str) -> str:
    return f"/tracking/logged-models/{model_id}"
