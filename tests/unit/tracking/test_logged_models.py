"""Logged models through their use cases, on both databases."""

import pytest

from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.wire.mlflow import (
    CreateLoggedModel,
    CreateRun,
    DatasetFilter,
    DeleteLoggedModelTag,
    FinalizeLoggedModel,
    GetLoggedModel,
    LogBatch,
    LoggedModelParameter,
    LogLoggedModelParams,
    LogMetric,
    Metric,
    OrderBy,
    SearchLoggedModels,
    SetLoggedModelTags,
    Tag,
)
from dovetail.wire.mlflow import endpoints as e


def create(ask, name="m", **given):
    request = CreateLoggedModel(experiment_id="0", name=name, **given)
    return ask(e.CREATE_LOGGED_MODEL, request).model


def get(ask, model_id, **given):
    return ask(e.GET_LOGGED_MODEL, GetLoggedModel(model_id, **given)).model


def search(ask, **given):
    found = ask(e.SEARCH_LOGGED_MODELS, SearchLoggedModels(experiment_ids=("0",), **given))
    return [model.info.name for model in found.models], found.next_page_token


def test_a_model_is_announced_then_finished(ask) -> None:
    made = create(
        ask,
        model_type="tree",
        params=(LoggedModelParameter("p", "1"),),
        tags=(Tag("t", "1"),),
    )
    assert made.info.status == "LOGGED_MODEL_PENDING"
    assert made.info.artifact_uri == f"mlflow-artifacts:/0/models/{made.info.model_id}/artifacts"
    request = FinalizeLoggedModel(made.info.model_id, "LOGGED_MODEL_READY")
    done = ask(e.FINALIZE_LOGGED_MODEL, request).model
    assert done.info.status == "LOGGED_MODEL_READY"
    assert (done.info.tags, done.data.params) == (
        (Tag("t", "1"),),
        (LoggedModelParameter("p", "1"),),
    )


def test_tags_and_params_are_changed(ask) -> None:
    model_id = create(ask, tags=(Tag("a", "1"),)).info.model_id
    ask(e.SET_LOGGED_MODEL_TAGS, SetLoggedModelTags(model_id, (Tag("a", "2"), Tag("b", "3"))))
    ask(
        e.LOG_LOGGED_MODEL_PARAMS, LogLoggedModelParams(model_id, (LoggedModelParameter("p", "1"),))
    )
    ask(e.DELETE_LOGGED_MODEL_TAG, DeleteLoggedModelTag(model_id, "b"))
    found = get(ask, model_id)
    assert found.info.tags == (Tag("a", "2"),)
    assert found.data.params == (LoggedModelParameter("p", "1"),)
    with pytest.raises(MissingResourceError) as caught:
        ask(e.DELETE_LOGGED_MODEL_TAG, DeleteLoggedModelTag(model_id, "b"))
    assert str(caught.value) == f"No tag with key 'b' found for model with ID '{model_id}'."


def test_a_deleted_model_is_gone_unless_asked_for(ask) -> None:
    model_id = create(ask).info.model_id
    ask(e.DELETE_LOGGED_MODEL, GetLoggedModel(model_id))
    with pytest.raises(MissingResourceError) as caught:
        get(ask, model_id)
    assert str(caught.value) == f"Logged model with ID '{model_id}' not found."
    assert get(ask, model_id, allow_deleted=True).info.model_id == model_id
    assert search(ask) == ([], None)


def test_a_name_that_would_break_uris_is_refused(ask) -> None:
    with pytest.raises(InvalidParameterError, match=r"Invalid model name \('a/b'\) provided"):
        create(ask, "a/b")


def test_metrics_that_name_a_model_are_shown_with_it(ask) -> None:
    run = ask(e.CREATE_RUN, CreateRun()).run.info.run_id
    model_id = create(ask).info.model_id
    point = Metric("auc", 0.8, 5, 1, model_id=model_id, dataset_name="d", dataset_digest="1")
    for _ in range(2):
        ask(e.LOG_BATCH, LogBatch(run_id=run, metrics=(point, Metric("loss", 0.1, 5))))
    request = LogMetric(run_id=run, key="f1", value=0.5, timestamp=6, model_id=model_id)
    ask(e.LOG_METRIC, request)
    assert get(ask, model_id).data.metrics == (
        Metric("auc", 0.8, 5, 1, model_id, "d", "1", run),
        Metric("f1", 0.5, 6, 0, model_id, run_id=run),
    )
    with pytest.raises(MissingResourceError):
        ask(e.LOG_METRIC, LogMetric(run_id=run, key="a", value=1, timestamp=1, model_id="m-x"))


def test_models_are_searched(ask) -> None:
    run = ask(e.CREATE_RUN, CreateRun()).run.info.run_id
    for name, auc in (("b", 0.7), ("a", 0.9), ("c", None)):
        made = create(ask, name, tags=(Tag("t", name),), params=(LoggedModelParameter("p", name),))
        if auc is not None:
            points = (
                Metric("auc", auc - 0.5, 1, 1, made.info.model_id, "old", "1"),
                Metric("auc", auc, 2, 2, made.info.model_id, f"d{name}", "1"),
            )
            ask(e.LOG_BATCH, LogBatch(run_id=run, metrics=points))
    assert search(ask) == (["c", "a", "b"], None)
    assert search(ask, filter="metrics.auc > 0.8") == (["a"], None)
    assert search(ask, filter="metrics.auc > 0.1") == (["a", "b"], None)
    assert search(ask, filter="tags.t = 'a' AND params.p != 'b'") == (["a"], None)
    assert search(ask, filter="name IN ('a', 'c')") == (["c", "a"], None)
    assert search(ask, filter="status = 'PENDING'")[0] == ["c", "a", "b"]
    assert search(ask, datasets=(DatasetFilter("db"),)) == (["b"], None)
    by_metric = (OrderBy(field_name="metrics.auc", ascending=False),)
    assert search(ask, order_by=by_metric) == (["a", "b", "c"], None)
    assert search(ask, order_by=(OrderBy(field_name="name"),)) == (["a", "b", "c"], None)
    first, token = search(ask, max_results=2)
    assert first + search(ask, max_results=2, page_token=token)[0] == ["c", "a", "b"]
    with pytest.raises(InvalidParameterError, match="Filter string in the page token"):
        search(ask, page_token=token, filter="name = 'a'")
    with pytest.raises(InvalidParameterError, match="Invalid order by field name: size"):
        search(ask, order_by=(OrderBy(field_name="size"),))
