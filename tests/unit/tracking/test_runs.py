"""Runs through their use cases, on both databases."""

import json
import math

import pytest

from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.wire.mlflow import (
    CreateRun,
    Dataset,
    DatasetInput,
    DatasetSummary,
    DeleteTag,
    GetMetricHistory,
    GetMetricHistoryBulk,
    GetMetricHistoryBulkInterval,
    GetRun,
    LogBatch,
    LogInputs,
    LogMetric,
    LogModel,
    LogOutputs,
    LogParam,
    Metric,
    ModelInput,
    ModelOutput,
    Param,
    SearchDatasets,
    SetTag,
    Tag,
    UpdateRun,
)
from dovetail.wire.mlflow import endpoints as e


@pytest.fixture
def run(ask):
    request = CreateRun(experiment_id="0", run_name="r", start_time=5, user_id="u")
    return ask(e.CREATE_RUN, request).run.info.run_id


def read(ask, run):
    return ask(e.GET_RUN, GetRun(run_id=run)).run


def history(ask, run, key, **given):
    found = ask(e.GET_METRIC_HISTORY, GetMetricHistory(run_id=run, metric_key=key, **given))
    return [(m.step, m.timestamp, m.value) for m in found.metrics], found.next_page_token


def test_a_run_starts_with_what_it_is_given(ask) -> None:
    request = CreateRun(experiment_id="0", run_name="first", start_time=5, tags=(Tag("k", "v"),))
    created = ask(e.CREATE_RUN, request).run
    info = created.info
    assert (info.run_name, info.status, info.start_time) == ("first", "RUNNING", 5)
    assert info.artifact_uri == f"mlflow-artifacts:/0/{info.run_id}/artifacts"
    assert set(created.data.tags) == {Tag("k", "v"), Tag("mlflow.runName", "first")}
    assert read(ask, info.run_id).info == info


def test_a_run_without_a_name_gets_one(ask) -> None:
    created = ask(e.CREATE_RUN, CreateRun()).run
    assert created.info.run_name
    assert created.data.tags == (Tag("mlflow.runName", created.info.run_name),)


def test_two_different_names_are_refused(ask) -> None:
    request = CreateRun(run_name="a", tags=(Tag("mlflow.runName", "b"),))
    with pytest.raises(InvalidParameterError, match="Both 'run_name' argument"):
        ask(e.CREATE_RUN, request)


def test_a_run_ends_and_is_renamed(ask, run) -> None:
    request = UpdateRun(run_id=run, status="FINISHED", end_time=9, run_name="new")
    info = ask(e.UPDATE_RUN, request).run_info
    assert (info.status, info.end_time, info.run_name) == ("FINISHED", 9, "new")
    assert Tag("mlflow.runName", "new") in read(ask, run).data.tags


def test_a_deleted_run_can_be_read_but_not_written(ask, run) -> None:
    ask(e.DELETE_RUN, GetRun(run_id=run))
    assert read(ask, run).info.lifecycle_stage == "deleted"
    with pytest.raises(InvalidParameterError) as caught:
        ask(e.SET_TAG, SetTag(run_id=run, key="k", value="v"))
    message = f"The run {run} must be in the 'active' state. Current state is deleted."
    assert str(caught.value) == message
    ask(e.RESTORE_RUN, GetRun(run_id=run))
    ask(e.SET_TAG, SetTag(run_id=run, key="k", value="v"))


def test_an_unknown_run_is_missing(ask) -> None:
    for endpoint, request in (
        (e.GET_RUN, GetRun(run_id="nope")),
        (e.DELETE_RUN, GetRun(run_id="nope")),
        (e.LOG_METRIC, LogMetric(run_id="nope", key="k", value=1.0, timestamp=1)),
    ):
        with pytest.raises(MissingResourceError, match="Run with id=nope not found"):
            ask(endpoint, request)


def test_the_newest_point_of_a_metric_is_the_one_shown(ask, run) -> None:
    points = [(3, 30, 0.3), (1, 10, 0.1), (3, 30, 0.5), (3, 20, 0.9), (2, 99, 0.2)]
    for step, timestamp, value in points:
        request = LogMetric(run_id=run, key="auc", value=value, timestamp=timestamp, step=step)
        ask(e.LOG_METRIC, request)
    assert read(ask, run).data.metrics == (Metric("auc", 0.5, 30, 3),)
    assert history(ask, run, "auc")[0] == [
        (1, 10, 0.1),
        (3, 20, 0.9),
        (3, 30, 0.3),
        (3, 30, 0.5),
        (2, 99, 0.2),
    ]


def test_a_point_logged_twice_is_kept_once(ask, run) -> None:
    point = Metric("a", 1.0, 1, 1)
    nan = Metric("n", math.nan, 1, 1)
    for _ in range(2):
        ask(e.LOG_BATCH, LogBatch(run_id=run, metrics=(point, point, nan, nan)))
    assert history(ask, run, "a")[0] == [(1, 1, 1.0)]
    assert len(history(ask, run, "n")[0]) == 1


def test_nan_and_infinities_are_answered_as_mlflow_does(ask, run) -> None:
    points = (
        Metric("nan", math.nan, 1),
        Metric("up", math.inf, 1),
        Metric("down", -math.inf, 1),
    )
    ask(e.LOG_BATCH, LogBatch(run_id=run, metrics=points))
    found = {m.key: m.value for m in read(ask, run).data.metrics}
    assert math.isnan(found["nan"])
    assert found["up"] == 1.7976931348623157e308
    assert found["down"] == -1.7976931348623157e308


def test_history_is_paged(ask, run) -> None:
    points = tuple(Metric("m", float(i), i, i) for i in range(5))
    ask(e.LOG_BATCH, LogBatch(run_id=run, metrics=points))
    first, token = history(ask, run, "m", max_results=3)
    rest, end = history(ask, run, "m", max_results=3, page_token=token)
    assert [step for step, *_ in first + rest] == [0, 1, 2, 3, 4]
    assert end is None
    assert len(history(ask, run, "m", page_token=token)[0]) == 2
    with pytest.raises(InvalidParameterError, match="Invalid value 0 for parameter"):
        history(ask, run, "m", max_results=0)


@pytest.mark.parametrize(
    ("points", "same_step"), [(4, False), (300, False), (6000, False), (6000, True)]
)
def test_a_sample_is_bounded_and_keeps_both_ends(ask, run, points, same_step) -> None:
    for start in range(0, points, 1000):
        batch = tuple(
            Metric("m", float(i), i, 0 if same_step else i)
            for i in range(start, min(points, start + 1000))
        )
        ask(e.LOG_BATCH, LogBatch(run_id=run, metrics=batch))
    request = GetMetricHistoryBulkInterval(run_ids=(run,), metric_key="m", max_results=20)
    found = ask(e.GET_METRIC_HISTORY_INTERVAL, request).metrics
    assert len(found) == min(points, 20)
    assert (found[0].timestamp, found[-1].timestamp) == (0, points - 1)
    assert [m.timestamp for m in found] == sorted(m.timestamp for m in found)
    assert {m.run_id for m in found} == {run}
    narrow = GetMetricHistoryBulkInterval(
        run_ids=(run,), metric_key="m", max_results=20, start_step=1, end_step=2
    )
    assert len(ask(e.GET_METRIC_HISTORY_INTERVAL, narrow).metrics) == (0 if same_step else 2)


def test_histories_of_several_runs_come_run_by_run(ask, run) -> None:
    other = ask(e.CREATE_RUN, CreateRun(experiment_id="0")).run.info.run_id
    for one in (run, other):
        batch = tuple(Metric("m", float(i), 10 - i, i) for i in range(3))
        ask(e.LOG_BATCH, LogBatch(run_id=one, metrics=batch))
    request = GetMetricHistoryBulk(run_id=(run, other, "nope"), metric_key="m")
    found = ask(e.GET_METRIC_HISTORY_BULK, request).metrics
    first, second = sorted((run, other))
    assert [(m.run_id, m.step) for m in found] == [
        *((first, step) for step in (2, 1, 0)),
        *((second, step) for step in (2, 1, 0)),
    ]
    four = GetMetricHistoryBulk(run_id=(run, other), metric_key="m", max_results=4)
    assert len(ask(e.GET_METRIC_HISTORY_BULK, four).metrics) == 4
    for bad, words in (
        (GetMetricHistoryBulk(metric_key="m"), "at least one run_id"),
        (GetMetricHistoryBulk(run_id=("r",) * 101, metric_key="m"), "more than 100 run_ids"),
        (GetMetricHistoryBulk(run_id=("r",)), "must specify a metric_key"),
    ):
        with pytest.raises(InvalidParameterError, match=words):
            ask(e.GET_METRIC_HISTORY_BULK, bad)


def test_a_model_that_an_older_client_logged_is_listed_in_a_tag(ask, run) -> None:
    described = {
        "artifact_path": "model",
        "flavors": {"sklearn": {"pickled_model": "model.pkl", "config": "c"}, "plain": "x"},
        "utc_time_created": "2013-04-01 00:00:00.000000",
        "run_id": run,
        "model_uuid": "u",
        "signature": "left out",
    }
    for _ in range(2):
        ask(e.LOG_MODEL, LogModel(run_id=run, model_json=json.dumps(described)))
    tags = ask(e.GET_RUN, GetRun(run_id=run)).run.data.tags
    (listed,) = (json.loads(tag.value) for tag in tags if tag.key == "mlflow.log-model.history")
    kept = {name: value for name, value in described.items() if name != "signature"}
    kept["flavors"] = {"sklearn": {"pickled_model": "model.pkl"}, "plain": "x"}
    assert listed == [kept, kept]
    for text, words in (("{", "Malformed model info"), ('{"flavors": {}}', "'artifact_path'")):
        with pytest.raises(InvalidParameterError, match=words):
            ask(e.LOG_MODEL, LogModel(run_id=run, model_json=text))


def test_a_parameter_is_set_once(ask, run) -> None:
    ask(e.LOG_PARAM, LogParam(run_id=run, key="lr", value="0.1"))
    ask(e.LOG_PARAM, LogParam(run_id=run, key="lr", value="0.1"))
    with pytest.raises(InvalidParameterError) as caught:
        ask(e.LOG_PARAM, LogParam(run_id=run, key="lr", value="0.2"))
    assert str(caught.value) == (
        "Changing param values is not allowed. Param with key='lr' was already logged with "
        f"value='0.1' for run ID='{run}'. Attempted logging new value '0.2'."
    )


def test_a_batch_is_kept_whole_or_not_at_all(ask, run) -> None:
    ask(e.LOG_PARAM, LogParam(run_id=run, key="lr", value="0.1"))
    batch = LogBatch(
        run_id=run,
        metrics=(Metric("m", 1.0, 1),),
        params=(Param("lr", "0.2"), Param("other", "x")),
        tags=(Tag("t", "v"),),
    )
    with pytest.raises(InvalidParameterError) as caught:
        ask(e.LOG_BATCH, batch)
    assert str(caught.value) == (
        "Changing param values is not allowed. Params were already logged="
        "'[{'key': 'lr', 'old_value': '0.1', 'new_value': '0.2'}]' for "
        f"run ID='{run}'."
    )
    found = read(ask, run).data
    assert (found.metrics, found.params) == ((), (Param("lr", "0.1"),))
    assert Tag("t", "v") not in found.tags


def test_tags_are_set_replaced_and_deleted(ask, run) -> None:
    ask(e.SET_TAG, SetTag(run_id=run, key="k", value="1"))
    ask(e.LOG_BATCH, LogBatch(run_id=run, tags=(Tag("k", "2"), Tag("mlflow.runName", "new"))))
    found = read(ask, run)
    assert Tag("k", "2") in found.data.tags
    assert found.info.run_name == "new"
    ask(e.DELETE_TAG, DeleteTag(run, "k"))
    with pytest.raises(MissingResourceError, match=f"No tag with name: k in run with id {run}"):
        ask(e.DELETE_TAG, DeleteTag(run, "k"))


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (
            {"metrics": (Metric("a;b", 1.0, 1),)},
            "Invalid value \"a;b\" for parameter 'metrics[0].name' supplied: Names may only "
            "contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
            "colon(:) and slashes (/).",
        ),
        (
            {"params": (Param("../x", "1"),)},
            "Invalid value \"../x\" for parameter 'params[0].key' supplied: Names may be treated "
            "as files in certain cases, and must not resolve to other names when treated as such."
            " This name would resolve to '../x'",
        ),
        (
            {"params": (Param("a", "1"), Param("a", "2"))},
            "Duplicate parameter keys have been submitted: ['a']. Please ensure the request "
            "contains only one param value per param key.",
        ),
        (
            {"tags": tuple(Tag(f"t{i}", "") for i in range(101))},
            "A batch logging request can contain at most 100 tags. Got 101 tags. Please split up "
            "tags across multiple requests and try again.",
        ),
        (
            {"metrics": tuple(Metric(f"m{i}", 1.0, 1) for i in range(1001))},
            "A batch logging request can contain at most 1000 metrics. Got 1001 metrics. Please "
            "split up metrics across multiple requests and try again.",
        ),
    ],
    ids=["bad-name", "climbing-name", "twice", "many-tags", "many-metrics"],
)
def test_a_batch_is_refused_in_mlflows_words(ask, run, batch, message) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        ask(e.LOG_BATCH, LogBatch(run_id=run, **batch))
    assert str(caught.value) == message


def test_inputs_and_outputs_are_recorded_once(ask, run) -> None:
    dataset = Dataset(name="flights", digest="d1", source_type="delta", source="s")
    other = Dataset(name="flights", digest="d2", source_type="delta", source="s")
    training = DatasetInput(dataset=dataset, tags=(Tag("mlflow.data.context", "training"),))
    for _ in range(2):
        request = LogInputs(
            run_id=run,
            datasets=(training, DatasetInput(dataset=other)),
            models=(ModelInput("m-1"),),
        )
        ask(e.LOG_INPUTS, request)
    ask(e.LOG_OUTPUTS, LogOutputs(run_id=run, models=(ModelOutput("m-2", 3),)))
    found = read(ask, run)
    assert sorted(found.inputs.dataset_inputs, key=lambda i: i.dataset.digest) == [
        training,
        DatasetInput(dataset=other),
    ]
    assert found.inputs.model_inputs == (ModelInput("m-1"),)
    assert found.outputs.model_outputs == (ModelOutput("m-2", 3),)
    summaries = ask(e.SEARCH_DATASETS, SearchDatasets(("0",))).dataset_summaries
    assert set(summaries) == {
        DatasetSummary(experiment_id="0", name="flights", digest="d1", context="training"),
        DatasetSummary(experiment_id="0", name="flights", digest="d2"),
    }
