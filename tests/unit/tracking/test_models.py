"""Registered models, versions and aliases through their use cases, on both databases."""

import pytest

from dovetail.tracking.errors import (
    ExistingResourceError,
    InvalidParameterError,
    MissingResourceError,
    TrackingError,
)
from dovetail.wire.mlflow import (
    AliasRequest,
    CreateModelVersion,
    CreateRegisteredModel,
    DeleteModelVersionTag,
    DeleteRegisteredModelTag,
    GetLatestVersions,
    GetModelVersion,
    GetRegisteredModel,
    RenameRegisteredModel,
    SearchModelVersions,
    SearchRegisteredModels,
    SetAlias,
    SetModelVersionTag,
    SetRegisteredModelTag,
    Tag,
    TransitionModelVersionStage,
    UpdateModelVersion,
    UpdateRegisteredModel,
)
from dovetail.wire.mlflow import endpoints as e


def model(ask, name, **given):
    return ask(
        e.CREATE_REGISTERED_MODEL, CreateRegisteredModel(name=name, **given)
    ).registered_model


def version(ask, name, source="s3://b/k", **given):
    request = CreateModelVersion(name=name, source=source, **given)
    return ask(e.CREATE_MODEL_VERSION, request).model_version


def get(ask, name, number):
    return ask(e.GET_MODEL_VERSION, GetModelVersion(name, number)).model_version


def refusal(call, *given):
    with pytest.raises(TrackingError) as caught:
        call(*given)
    return f"{caught.value.error_code}: {caught.value}"


@pytest.fixture
def flights(ask):
    model(ask, "flights", tags=(Tag("team", "x"),), description="d")
    for _ in range(3):
        version(ask, "flights")
    return "flights"


def test_versions_are_counted_and_latest_shown(ask, flights) -> None:
    found = ask(e.GET_REGISTERED_MODEL, GetRegisteredModel(flights)).registered_model
    assert (found.description, found.tags) == ("d", (Tag("team", "x"),))
    assert [v.version for v in found.latest_versions] == ["3"]
    assert found.last_updated_timestamp == found.latest_versions[0].creation_timestamp


def test_a_taken_name_is_refused(ask, flights) -> None:
    said = refusal(model, ask, flights)
    assert said == "RESOURCE_ALREADY_EXISTS: Registered Model (name=flights) already exists."


def test_a_prompt_cannot_take_a_models_name(ask, flights) -> None:
    prompt = CreateRegisteredModel(name=flights, tags=(Tag("mlflow.prompt.is_prompt", "true"),))
    assert refusal(ask, e.CREATE_REGISTERED_MODEL, prompt) == (
        "RESOURCE_ALREADY_EXISTS: Tried to create a prompt with name 'flights', but the name is "
        "already taken by a registered model. MLflow does not allow creating a model and a prompt "
        "with the same name."
    )


@pytest.mark.parametrize("name", ["a/b", "a:b"])
def test_a_name_that_would_break_uris_is_refused(ask, name) -> None:
    expected = f"Invalid model name '{name}'. Names cannot contain '/' or ':'."
    assert refusal(model, ask, name) == f"INVALID_PARAMETER_VALUE: {expected}"


def test_renaming_keeps_versions_tags_and_aliases(ask, flights) -> None:
    ask(e.SET_ALIAS, SetAlias(flights, "champion", "2"))
    ask(e.RENAME_REGISTERED_MODEL, RenameRegisteredModel(flights, "new"))
    assert get(ask, "new", "2").aliases == ("champion",)
    assert refusal(ask, e.GET_REGISTERED_MODEL, GetRegisteredModel(flights)) == (
        "RESOURCE_DOES_NOT_EXIST: Registered Model with name=flights not found"
    )
    model(ask, "other")
    with pytest.raises(ExistingResourceError):
        ask(e.RENAME_REGISTERED_MODEL, RenameRegisteredModel("new", "other"))


def test_deleting_a_model_removes_all_of_it(ask, flights) -> None:
    ask(e.SET_ALIAS, SetAlias(flights, "champion", "2"))
    ask(e.DELETE_REGISTERED_MODEL, GetRegisteredModel(flights))
    model(ask, flights)
    assert version(ask, flights).version == "1"
    assert get(ask, flights, "1").aliases == ()


def test_an_alias_points_at_one_version_at_a_time(ask, flights) -> None:
    ask(e.SET_ALIAS, SetAlias(flights, "champion", "1"))
    ask(e.SET_ALIAS, SetAlias(flights, "champion", "2"))
    asked = AliasRequest(flights, "champion")
    assert ask(e.GET_ALIAS, asked).model_version.version == "2"
    ask(e.DELETE_ALIAS, asked)
    ask(e.DELETE_ALIAS, asked)
    assert refusal(ask, e.GET_ALIAS, asked) == (
        "INVALID_PARAMETER_VALUE: Registered model alias champion not found."
    )
    assert refusal(ask, e.GET_ALIAS, AliasRequest("none", "champion")) == (
        "RESOURCE_DOES_NOT_EXIST: Registered Model with name=none not found"
    )
    assert ask(e.GET_ALIAS, AliasRequest(flights, "latest")).model_version.version == "3"


@pytest.mark.parametrize(
    ("alias", "message"),
    [
        ("latest", "'latest' alias name (case insensitive) is reserved."),
        ("v3", "Version alias name 'v3' is reserved."),
        (
            "a b",
            "Invalid alias name: 'a b'. Names may only contain alphanumerics, underscores (_), and "
            "dashes (-).",
        ),
        (
            "a" * 256,
            "'Registered model alias name' exceeds the maximum length of 255 characters",
        ),
    ],
)
def test_an_alias_is_refused_in_mlflows_words(ask, flights, alias, message) -> None:
    said = refusal(ask, e.SET_ALIAS, SetAlias(flights, alias, "1"))
    assert said == f"INVALID_PARAMETER_VALUE: {message}"


def test_an_alias_needs_a_version_that_is_there(ask, flights) -> None:
    assert refusal(ask, e.SET_ALIAS, SetAlias(flights, "a", "9")) == (
        "RESOURCE_DOES_NOT_EXIST: Model Version (name=flights, version=9) not found"
    )
    assert refusal(ask, e.SET_ALIAS, SetAlias(flights, "a", "x")) == (
        "INVALID_PARAMETER_VALUE: Parameter 'version' must be an integer, got 'x'."
    )


def test_a_deleted_version_takes_its_aliases_and_keeps_its_number(ask, flights) -> None:
    ask(e.SET_ALIAS, SetAlias(flights, "champion", "3"))
    ask(e.DELETE_MODEL_VERSION, GetModelVersion(flights, "3"))
    with pytest.raises(MissingResourceError):
        get(ask, flights, "3")
    with pytest.raises(InvalidParameterError):
        ask(e.GET_ALIAS, AliasRequest(flights, "champion"))
    assert version(ask, flights).version == "4"


def test_stages_move_and_archive(ask, flights) -> None:
    def move(number, stage, archive=False):
        request = TransitionModelVersionStage(
            name=flights, version=number, stage=stage, archive_existing_versions=archive
        )
        return ask(e.TRANSITION_STAGE, request).model_version.current_stage

    assert move("1", "production") == "Production"
    assert move("2", "Production", archive=True) == "Production"
    assert get(ask, flights, "1").current_stage == "Archived"
    latest = ask(e.GET_LATEST_VERSIONS, GetLatestVersions(flights, ("Production",)))
    assert [v.version for v in latest.model_versions] == ["2"]
    everything = ask(e.GET_LATEST_VERSIONS, GetLatestVersions(flights)).model_versions
    assert {v.current_stage: v.version for v in everything} == {
        "Archived": "1",
        "Production": "2",
        "None": "3",
    }
    assert refusal(move, "1", "live") == (
        "INVALID_PARAMETER_VALUE: Invalid Model Version stage: live. Value must be one of None, "
        "Staging, Production, Archived."
    )
    assert refusal(move, "1", "Archived", True).startswith("INTERNAL_ERROR: Model version trans")


def test_descriptions_and_tags_are_changed(ask, flights) -> None:
    ask(e.UPDATE_REGISTERED_MODEL, UpdateRegisteredModel(flights, "new"))
    ask(e.UPDATE_MODEL_VERSION, UpdateModelVersion(flights, "1", "v1"))
    ask(e.SET_REGISTERED_MODEL_TAG, SetRegisteredModelTag(flights, "k", "v"))
    ask(e.DELETE_REGISTERED_MODEL_TAG, DeleteRegisteredModelTag(flights, "team"))
    ask(e.SET_MODEL_VERSION_TAG, SetModelVersionTag(flights, "1", "a", "1"))
    ask(e.SET_MODEL_VERSION_TAG, SetModelVersionTag(flights, "1", "b", "2"))
    ask(e.DELETE_MODEL_VERSION_TAG, DeleteModelVersionTag(flights, "1", "a"))
    found = ask(e.GET_REGISTERED_MODEL, GetRegisteredModel(flights)).registered_model
    assert (found.description, found.tags) == ("new", (Tag("k", "v"),))
    assert get(ask, flights, "1").description == "v1"
    assert get(ask, flights, "1").tags == (Tag("b", "2"),)


def test_models_are_searched(ask) -> None:
    for name, team in (("b", "x"), ("a", "y"), ("c", "x")):
        model(ask, name, tags=(Tag("team", team),))
    model(ask, "p", tags=(Tag("mlflow.prompt.is_prompt", "true"),))

    def search(**given):
        found = ask(e.SEARCH_REGISTERED_MODELS, SearchRegisteredModels(**given))
        return [m.name for m in found.registered_models], found.next_page_token

    assert search() == (["a", "b", "c"], None)
    assert search(order_by=("name DESC",)) == (["c", "b", "a"], None)
    assert search(order_by=("timestamp DESC",)) == (["c", "a", "b"], None)
    assert search(filter="tags.team = 'x'") == (["b", "c"], None)
    assert search(filter="name IN ('a', 'c') AND tags.team != 'x'") == (["a"], None)
    assert search(filter="name ILIKE 'A%'") == (["a"], None)
    assert search(filter="tags.`mlflow.prompt.is_prompt` = 'true'") == (["p"], None)
    first, token = search(max_results=2)
    assert first + search(max_results=2, page_token=token)[0] == ["a", "b", "c"]
    assert refusal(lambda: search(max_results=1001)) == (
        "INVALID_PARAMETER_VALUE: Invalid value for request parameter max_results. It must be at "
        "most 1000, but got value 1001"
    )


def test_versions_are_searched(ask, flights) -> None:
    model(ask, "other")
    version(ask, "other", run_id="r1", tags=(Tag("ok", "yes"),))
    ask(e.SET_ALIAS, SetAlias(flights, "champion", "2"))

    def search(**given):
        found = ask(e.SEARCH_MODEL_VERSIONS, SearchModelVersions(**given))
        return [f"{v.name}/{v.version}" for v in found.model_versions], found.next_page_token

    assert search()[0] == ["other/1", "flights/3", "flights/2", "flights/1"]
    assert search(filter="name='flights'")[0] == ["flights/3", "flights/2", "flights/1"]
    assert search(filter="run_id = 'r1'")[0] == ["other/1"]
    assert search(filter="run_id IN ('r1', 'r2')")[0] == ["other/1"]
    assert search(filter="tags.ok = 'yes'")[0] == ["other/1"]
    assert search(filter="version_number > 1 AND name LIKE 'fl%'")[0] == ["flights/3", "flights/2"]
    assert search(filter="source_path LIKE 's3%'", order_by=("version_number ASC", "name"))[0] == [
        "flights/1",
        "other/1",
        "flights/2",
        "flights/3",
    ]
    found, token = search(max_results=3)
    assert found + search(max_results=3, page_token=token)[0] == search()[0]
