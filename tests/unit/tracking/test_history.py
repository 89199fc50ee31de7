"""What was in force at any instant equals what replaying the changes up to it gives."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dovetail.base.artifacts import MemoryStore
from dovetail.base.clock import ManualClock
from dovetail.base.sql import Database
from dovetail.tracking.backend import Backend
from dovetail.tracking.cli import commands
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError, TrackingError
from dovetail.tracking.handlers import TABLE, history
from dovetail.tracking.piece import piece
from dovetail.tracking.store.history_schema import registry_history
from dovetail.tracking.store.migrations import MIGRATIONS
from dovetail.tracking.store.schema import metadata
from dovetail.web.testing import run_piece
from dovetail.wire import history as wire
from dovetail.wire.mlflow import (
    AliasRequest,
    Client,
    CreateModelVersion,
    CreateRegisteredModel,
    GetModelVersion,
    GetRegisteredModel,
    RenameRegisteredModel,
    SearchModelVersions,
    SearchRegisteredModels,
    SetAlias,
    TransitionModelVersionStage,
)
from dovetail.wire.mlflow import endpoints as e

START = datetime(2013, 5, 1, tzinfo=UTC)


class Registry:
    """A store and a clock; every change takes a millisecond."""

    def __init__(self, url: str) -> None:
        self.clock = ManualClock(START)
        self.database = Database(url, metadata, name="tracking", migrations=MIGRATIONS)
        self.backend = Backend("mlflow-artifacts:/", MemoryStore(), True, self.clock)

    def ask(self, endpoint: Any, request: Any, actor: str = "ann") -> Any:
        self.clock.advance(timedelta(milliseconds=1))
        backend = self.backend.acting(actor)
        call = self.database.read if endpoint.reads else self.database.write
        return call(lambda c: TABLE[endpoint](backend, c, request))

    def at(self, name: str, ms: int) -> wire.ModelThen:
        return self.database.read(lambda c: history.model_at(c, name, ms))

    def events(self, name: str) -> list[tuple[Any, ...]]:
        page = self.database.read(lambda c: history.page(self.backend, c, name, {}, 0, ""))
        return [(x.topic, x.subject, x.before, x.after, x.cause) for x in reversed(page.events)]

    def now(self) -> int:
        return self.backend.now()

    def present(self) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
        """Aliases and stages of every model, as the protocol tells them."""
        found = self.ask(e.SEARCH_REGISTERED_MODELS, SearchRegisteredModels(max_results=1000))
        versions = self.ask(e.SEARCH_MODEL_VERSIONS, SearchModelVersions(max_results=1000))
        return {
            model.name: (
                {one.alias: one.version for one in model.aliases},
                {
                    one.version: str(one.current_stage)
                    for one in versions.model_versions
                    if one.name == model.name and one.current_stage != "None"
                },
            )
            for model in found.registered_models
        }


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    made = Registry(database_url)
    yield made
    made.database.close()


def seen(then: wire.ModelThen) -> tuple[dict[str, str], dict[str, str]] | None:
    if not then.exists:
        return None
    aliases = {one.alias: one.version for one in then.aliases if one.version is not None}
    return aliases, {one.version: one.stage for one in then.stages}


NAMES = st.sampled_from(["x", "y"])
NUMBERS = st.sampled_from(["1", "2", "3"])
ALIASES = st.sampled_from(["champion", "candidate"])
STAGES = st.sampled_from(["Staging", "Production", "Archived", "None"])
CHANGES = st.one_of(
    st.tuples(st.just(e.CREATE_REGISTERED_MODEL), st.builds(CreateRegisteredModel, name=NAMES)),
    st.tuples(
        st.just(e.CREATE_MODEL_VERSION),
        st.builds(CreateModelVersion, name=NAMES, source=st.just("s3://b/k")),
    ),
    st.tuples(st.just(e.SET_ALIAS), st.builds(SetAlias, NAMES, ALIASES, NUMBERS)),
    st.tuples(st.just(e.DELETE_ALIAS), st.builds(AliasRequest, NAMES, ALIASES)),
    st.tuples(
        st.just(e.TRANSITION_STAGE),
        st.builds(TransitionModelVersionStage, NAMES, NUMBERS, STAGES, st.booleans()),
    ),
    st.tuples(st.just(e.DELETE_MODEL_VERSION), st.builds(GetModelVersion, NAMES, NUMBERS)),
    st.tuples(st.just(e.DELETE_REGISTERED_MODEL), st.builds(GetRegisteredModel, NAMES)),
    st.tuples(st.just(e.RENAME_REGISTERED_MODEL), st.builds(RenameRegisteredModel, NAMES, NAMES)),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(CHANGES, min_size=5, max_size=30))
def test_any_instant_is_what_replaying_the_changes_gives(registry: Registry, changes: Any) -> None:
    _clear(registry)
    for name in ("x", "y"):
        registry.ask(e.CREATE_REGISTERED_MODEL, CreateRegisteredModel(name=name))
        for _ in range(2):
            registry.ask(e.CREATE_MODEL_VERSION, CreateModelVersion(name=name, source="s3://b/k"))
    moments = [(registry.now(), registry.present())]
    for endpoint, request in changes:
        try:
            registry.ask(endpoint, request)
        except TrackingError:
            continue
        moments.append((registry.now(), registry.present()))
    for (at, truth), following in zip(moments, [*moments[1:], None], strict=True):
        until = following[0] - 1 if following else at + 1000
        for name in ("x", "y"):
            for instant in (at, until):
                assert seen(registry.at(name, instant)) == truth.get(name)


def _clear(registry: Registry) -> None:
    """Begin an example with empty tables."""
    tables = reversed(metadata.sorted_tables)
    registry.database.write(lambda c: [c.execute(sa.delete(table)) for table in tables])


@pytest.fixture
def flights(registry: Registry) -> Registry:
    registry.ask(e.CREATE_REGISTERED_MODEL, CreateRegisteredModel(name="flights"))
    for _ in range(3):
        registry.ask(e.CREATE_MODEL_VERSION, CreateModelVersion(name="flights", source="s3://b/k"))
    return registry


def test_a_change_is_recorded_with_its_time_and_actor(flights: Registry) -> None:
    flights.ask(e.SET_ALIAS, SetAlias("flights", "champion", "1"), actor="bea")
    first = flights.now()
    flights.ask(e.SET_ALIAS, SetAlias("flights", "champion", "1"), actor="cid")
    flights.ask(e.SET_ALIAS, SetAlias("flights", "champion", "3"), actor="dan")
    (was,) = flights.at("flights", first).aliases
    assert was == wire.AliasThen(alias="champion", version="1", since=first, actor="bea")
    assert flights.at("flights", first - 1).aliases == []
    (is_now,) = flights.at("flights", flights.now()).aliases
    assert (is_now.version, is_now.actor) == ("3", "dan")
    assert flights.events("flights")[-2:] == [
        ("alias", "champion", None, "1", "request"),
        ("alias", "champion", "1", "3", "request"),
    ]


def test_deleting_a_version_ends_its_aliases_and_its_stage(flights: Registry) -> None:
    flights.ask(e.SET_ALIAS, SetAlias("flights", "champion", "2"))
    flights.ask(e.TRANSITION_STAGE, TransitionModelVersionStage("flights", "2", "Production"))
    flights.ask(e.DELETE_MODEL_VERSION, GetModelVersion("flights", "2"))
    assert flights.events("flights")[-3:] == [
        ("alias", "champion", "2", None, "deletion"),
        ("stage", "2", "Production", None, "deletion"),
        ("version", "2", "2", None, "request"),
    ]


def test_a_transition_that_archives_tells_of_the_archived(flights: Registry) -> None:
    for number in ("1", "2"):
        moved = TransitionModelVersionStage("flights", number, "Production", number == "2")
        flights.ask(e.TRANSITION_STAGE, moved)
    assert flights.events("flights")[-2:] == [
        ("stage", "1", "Production", "Archived", "archive"),
        ("stage", "2", "None", "Production", "request"),
    ]


def test_a_renamed_model_is_found_by_both_names(flights: Registry) -> None:
    flights.ask(e.SET_ALIAS, SetAlias("flights", "champion", "2"))
    before = flights.now()
    flights.ask(e.RENAME_REGISTERED_MODEL, RenameRegisteredModel("flights", "delays"))
    after = flights.now()
    assert flights.at("delays", before).name == "flights"
    assert flights.at("delays", before).version_of("champion") == "2"
    assert flights.at("delays", after).version_of("champion") == "2"
    assert not flights.at("flights", after).exists
    assert flights.at("flights", after).version_of("champion") is None


def test_a_refused_change_leaves_no_trace(flights: Registry) -> None:
    before = flights.events("flights")
    for request in (SetAlias("flights", "champion", "9"), SetAlias("flights", "latest", "1")):
        with pytest.raises(TrackingError):
            flights.ask(e.SET_ALIAS, request)
    assert flights.events("flights") == before
    with pytest.raises(MissingResourceError):
        flights.at("never", flights.now())


def test_a_clock_that_steps_back_does_not_turn_the_order_round(flights: Registry) -> None:
    flights.ask(e.SET_ALIAS, SetAlias("flights", "champion", "1"))
    late = flights.now()
    flights.clock.advance(timedelta(hours=-1))
    flights.ask(e.SET_ALIAS, SetAlias("flights", "champion", "2"))
    assert flights.at("flights", late).version_of("champion") == "2"


def test_an_older_store_knows_what_it_has_since_its_migration(database_url: str) -> None:
    old = Registry(database_url)
    old.ask(e.CREATE_REGISTERED_MODEL, CreateRegisteredModel(name="flights"))
    old.ask(e.CREATE_MODEL_VERSION, CreateModelVersion(name="flights", source="s3://b/k"))
    old.ask(e.SET_ALIAS, SetAlias("flights", "champion", "1"))
    old.ask(e.TRANSITION_STAGE, TransitionModelVersionStage("flights", "1", "Staging"))
    old.database.write(registry_history.drop)
    old.database.write(lambda c: c.execute(sa.text("UPDATE schema_revisions SET revision = 0")))
    old.database.close()
    new = Registry(database_url)
    assert new.events("flights") == [
        ("model", "flights", None, "flights", "known"),
        ("stage", "1", None, "Staging", "known"),
        ("alias", "champion", None, "1", "known"),
    ]
    assert not new.at("flights", new.now()).known  # the migration ran after 2013
    assert new.at("flights", 1 << 60).version_of("champion") == "1"
    new.database.close()


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2013-05-03", 1_367_625_599_999),
        ("2013-05-03T12:00:00Z", 1_367_582_400_000),
        ("2013-05-03T12:00", 1_367_582_400_000),
        ("2013-05-03T14:00:00+02:00", 1_367_582_400_000),
        ("1367582400000", 1_367_582_400_000),
        ("now", 7),
    ],
)
def test_an_instant_is_a_day_a_time_or_milliseconds(text: str, ms: int) -> None:
    assert history.instant_of(text, 7) == ms


@pytest.mark.parametrize(
    "text", ["3 May", "2013-13-01", "2013-05-03T99:00", "9999-12-31", "tomorrow"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="parameter 'at'"):
        history.instant_of(text, 7)


def test_the_client_and_the_commands_ask_a_server(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with run_piece(piece, state=tmp_path, clock=clock) as server:
        with Client(server.url) as mlflow:
            mlflow.create_registered_model("flights")
            for number in ("1", "2"):
                mlflow.create_model_version("flights", source="s3://b/k")
                mlflow.set_alias("flights", "champion", number)
                clock.advance(timedelta(days=1))
        with wire.Client(server.url) as client:
            then = client.at("flights", START + timedelta(hours=1))
            assert then.version_of("champion") == "1"
            assert client.at("flights").version_of("champion") == "2"
        run = CliRunner().invoke
        at = ["--at", "2013-05-01", "--url", server.url]
        told = run(commands, ["alias", "flights", "champion", *at])
        assert (told.exit_code, told.output) == (
            0,
            "flights@champion was version 1, since 2013-05-01 00:00 UTC by local.\n",
        )
        none = run(commands, ["alias", "flights", "other", *at])
        assert (none.exit_code, none.output) == (1, "flights@other named no version.\n")
        listed = run(commands, ["history", "flights", "--alias", "champion", "--url", server.url])
        assert [line.split()[4:6] for line in listed.output.splitlines()[1:]] == [
            ["1", "2"],
            ["-", "1"],
        ]
