"""Experiments through their use cases, on both databases."""

import pytest

from dovetail.tracking.errors import (
    ExistingResourceError,
    InvalidParameterError,
    InvalidStateError,
    MissingResourceError,
)
from dovetail.wire.mlflow import (
    CreateExperiment,
    CreateRun,
    DeleteExperimentTag,
    Experiment,
    GetExperiment,
    GetExperimentByName,
    GetRun,
    SearchExperiments,
    SetExperimentTag,
    Tag,
    UpdateExperiment,
)
from dovetail.wire.mlflow import endpoints as e


def named(ask, name, tags=(), location=None):
    request = CreateExperiment(name=name, tags=tags, artifact_location=location)
    return ask(e.CREATE_EXPERIMENT, request).experiment_id


def search(ask, **given):
    found = ask(e.SEARCH_EXPERIMENTS, SearchExperiments(**given))
    return [one.name for one in found.experiments], found.next_page_token


def test_a_fresh_store_has_the_default_experiment(ask, clock) -> None:
    found = ask(e.GET_EXPERIMENT, GetExperiment("0")).experiment
    assert found == Experiment(
        experiment_id="0",
        name="Default",
        artifact_location="mlflow-artifacts:/0",
        lifecycle_stage="active",
        last_update_time=1364774400000,
        creation_time=1364774400000,
    )


def test_an_experiment_is_created_with_tags_and_found_by_name(ask) -> None:
    number = named(ask, "flights", tags=(Tag("a", "1"), Tag("b", "2")))
    found = ask(e.GET_EXPERIMENT_BY_NAME, GetExperimentByName("flights")).experiment
    assert found.experiment_id == number
    assert found.artifact_location == f"mlflow-artifacts:/{number}"
    assert found.tags == (Tag("a", "1"), Tag("b", "2"))


def test_a_taken_name_is_refused_even_if_its_owner_is_deleted(ask) -> None:
    number = named(ask, "flights")
    ask(e.DELETE_EXPERIMENT, GetExperiment(number))
    with pytest.raises(ExistingResourceError, match=r"^Experiment\(name=flights\) already exists"):
        named(ask, "flights")


def test_a_location_of_the_clients_choice_is_kept(ask) -> None:
    number = named(ask, "mine", location="s3://bucket/here")
    found = ask(e.GET_EXPERIMENT, GetExperiment(number)).experiment
    assert found.artifact_location == "s3://bucket/here"


def test_deleting_and_restoring_takes_the_runs_along(ask) -> None:
    number = named(ask, "flights")
    run = ask(e.CREATE_RUN, CreateRun(experiment_id=number)).run.info.run_id
    ask(e.DELETE_EXPERIMENT, GetExperiment(number))
    assert ask(e.GET_RUN, GetRun(run_id=run)).run.info.lifecycle_stage == "deleted"
    with pytest.raises(InvalidParameterError, match="must be in the 'active' state"):
        ask(e.CREATE_RUN, CreateRun(experiment_id=number))
    with pytest.raises(MissingResourceError, match=f"^No Experiment with id={number} exists$"):
        ask(e.DELETE_EXPERIMENT, GetExperiment(number))
    ask(e.RESTORE_EXPERIMENT, GetExperiment(number))
    assert ask(e.GET_RUN, GetRun(run_id=run)).run.info.lifecycle_stage == "active"


def test_renaming_needs_an_active_experiment_and_a_free_name(ask) -> None:
    number = named(ask, "old")
    ask(e.UPDATE_EXPERIMENT, UpdateExperiment(number, "new"))
    assert ask(e.GET_EXPERIMENT, GetExperiment(number)).experiment.name == "new"
    with pytest.raises(ExistingResourceError):
        ask(e.UPDATE_EXPERIMENT, UpdateExperiment(number, "Default"))
    ask(e.DELETE_EXPERIMENT, GetExperiment(number))
    with pytest.raises(InvalidStateError, match="Cannot rename a non-active experiment"):
        ask(e.UPDATE_EXPERIMENT, UpdateExperiment(number, "newer"))


def test_tags_are_set_replaced_and_deleted(ask) -> None:
    number = named(ask, "flights")
    ask(e.SET_EXPERIMENT_TAG, SetExperimentTag(number, "k", "1"))
    ask(e.SET_EXPERIMENT_TAG, SetExperimentTag(number, "k", "2"))
    assert ask(e.GET_EXPERIMENT, GetExperiment(number)).experiment.tags == (Tag("k", "2"),)
    ask(e.DELETE_EXPERIMENT_TAG, DeleteExperimentTag(number, "k"))
    with pytest.raises(MissingResourceError, match="No tag with name: k in experiment"):
        ask(e.DELETE_EXPERIMENT_TAG, DeleteExperimentTag(number, "k"))


def test_search_filters_orders_and_pages(ask) -> None:
    named(ask, "b", tags=(Tag("t", "x"),))
    named(ask, "a", tags=(Tag("t", "y"),))
    gone = named(ask, "gone")
    ask(e.DELETE_EXPERIMENT, GetExperiment(gone))
    assert search(ask) == (["a", "b", "Default"], None)
    assert search(ask, order_by=("name",)) == (["Default", "a", "b"], None)
    assert search(ask, filter="tags.t = 'x'") == (["b"], None)
    assert search(ask, filter="tags.t IS NULL") == (["Default"], None)
    assert search(ask, filter="name LIKE 'D%'") == (["Default"], None)
    assert search(ask, filter="name LIKE 'd%'") == ([], None)
    assert search(ask, filter="name ILIKE 'd%'") == (["Default"], None)
    assert search(ask, filter="experiment_id IN ('0')") == (["Default"], None)
    assert search(ask, view_type="DELETED_ONLY") == (["gone"], None)
    first, token = search(ask, max_results=2)
    assert first == ["a", "b"]
    assert search(ask, max_results=2, page_token=token) == (["Default"], None)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (GetExperiment("x"), "Invalid experiment ID 'x'. Experiment ID must be a valid integer."),
        (GetExperiment("99"), "No Experiment with id=99 exists"),
    ],
)
def test_an_unknown_id_is_refused(ask, request_, message) -> None:
    with pytest.raises((InvalidParameterError, MissingResourceError)) as caught:
        ask(e.GET_EXPERIMENT, request_)
    assert str(caught.value) == message


def test_a_page_may_be_longer_than_a_statement_has_room_for(ask) -> None:
    for i in range(1010):
        named(ask, f"e{i}", tags=(Tag("t", str(i)),))
    found = ask(e.SEARCH_EXPERIMENTS, SearchExperiments(max_results=50_000)).experiments
    assert len(found) == 1011
    assert {one.name: one.tags for one in found}["e7"] == (Tag("t", "7"),)
