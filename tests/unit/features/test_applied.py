"""Definitions applied to a registry: what changed, what breaks, and which version is loaded."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.clock import ManualClock
from dovetail.features import catalog, training_set
from dovetail.features.applied import Difference, Ledger
from dovetail.features.applied.place import place
from dovetail.features.applied.versions import Registry, loaded_version
from dovetail.features.catalogue.uses import drained
from dovetail.features.cli import commands
from dovetail.features.errors import (
    BreakingChangeError,
    DefinitionError,
    ServiceNotFoundError,
    VersionNotLoadedError,
)
from dovetail.features.lookups import lookup_of
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import run_piece

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a registry that holds nothing."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url, ManualClock(NOON)) as opened:
        yield opened


def edited(file: Path, *pairs: tuple[str, str]) -> catalog.Definitions:
    """Return the definitions with some text of their file replaced."""
    text = file.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return catalog.load(file)


def test_applying_the_same_again_changes_nothing(ledger: Ledger, definitions_file: Path) -> None:
    first = ledger.apply(catalog.load(definitions_file), by="ann", note="start")
    assert [(s.service, s.version, s.next_version) for s in first.services] == [("flights", 0, 1)]
    assert {c.what for c in first.changes} == {"added"}
    again = catalog.load(definitions_file)
    assert ledger.plan(again).is_empty
    assert ledger.apply(again, by="bob").is_empty
    (version,) = ledger.versions("flights")
    assert (version.version, version.by, version.note) == (1, "ann", "start")
    assert version.is_present


def test_words_for_people_are_recorded_and_bump_no_version(
    ledger: Ledger, definitions_file: Path
) -> None:
    ledger.apply(catalog.load(definitions_file), by="ann")
    told = edited(definitions_file, ('ttl="3h"', 'ttl="3h", owner="ops"'))
    plan = ledger.apply(told, by="ann")
    assert [(c.kind, c.name, c.fields) for c in plan.changes] == [
        ("view", "sky", (Difference("owner", "", "ops"),))
    ]
    assert plan.services == ()
    assert ledger.plan(told).is_empty


@pytest.mark.parametrize(
    ("old", "new", "by", "broken"),
    [
        ('ttl="3h"', 'ttl="4h"', "view sky", ["sky: ttl: 3h -> 4h"]),
        ('"visib"]', '"visib", "wind"]', "view sky", []),
        ('["temp", "visib"]', '["temp"]', "view sky", ["sky:visib: there -> gone"]),
        (
            'Mean("delay")', 'Sum("delay", name="delay_mean")', "view traffic",
            [f"traffic: delay_mean_{w}.{field}"
             for w in ("1h", "3h", "24h")
             for field in ('type: Mean -> Sum', 'name: "" -> delay_mean')],
        ),
        (
            'Count(name="all")', 'Count(name="each")', "view field",
            ["field:all_2h: there -> renamed field:each_2h"],
        ),
        ('path="planes"', 'path="aircraft"', "source planes", []),
        ('known_at="published"', 'known_at="sent"', "source weather",
         ["source weather: known_at: published -> sent"]),
        ('Entity("plane", ["tailnum"])', 'Entity("plane")', "view last",
         ["frame: keys: without tailnum, with plane", "last: keys: without tailnum, with plane"]),
    ],
    ids=["ttl", "more", "fewer", "aggregation", "renamed", "moved", "known at", "keys"],
)  # fmt: skip
def test_what_breaks_a_model_is_refused(
    ledger: Ledger, definitions_file: Path, old: str, new: str, by: str, broken: list[str]
) -> None:
    ledger.apply(catalog.load(definitions_file), by="ann")
    ledger.use("flights", model="delays", model_version="7", run="ab12")
    changed = edited(definitions_file, (old, new))
    (touched,) = ledger.plan(changed).services
    assert touched.by[0] == by
    assert [str(u) for u in touched.uses] == ["delays 7 (flights@1, run ab12)"]
    assert sorted(str(d) for one in touched.breaks for d in one.by) == sorted(broken)
    if broken:
        with pytest.raises(BreakingChangeError) as refused:
            ledger.apply(changed, by="ann")
        assert touched.breaks[0].by[0].field in str(refused.value)
        assert [v.version for v in ledger.versions("flights")] == [1]
    ledger.apply(changed, by="ann", force=bool(broken))
    assert [v.version for v in ledger.versions("flights")] == [1, 2]
    assert ledger.plan(changed).is_empty


def test_what_nobody_uses_may_change(ledger: Ledger, definitions_file: Path) -> None:
    ledger.apply(catalog.load(definitions_file), by="ann")
    ledger.use("flights", model="delays")
    assert ledger.stop_using("flights", model="delays") == 1
    ledger.apply(edited(definitions_file, ('ttl="3h"', 'ttl="4h"')), by="ann")
    assert ledger.uses() == []


def test_what_was_broken_by_force_is_not_broken_again(
    ledger: Ledger, definitions_file: Path
) -> None:
    ledger.apply(catalog.load(definitions_file), by="ann")
    ledger.use("flights@1", model="delays")
    ledger.apply(edited(definitions_file, ('ttl="3h"', 'ttl="4h"')), by="ann", force=True)
    ledger.apply(edited(definitions_file, ('"visib"]', '"visib", "wind"]')), by="ann")
    with pytest.raises(BreakingChangeError, match="sky:visib: there -> gone"):
        ledger.apply(edited(definitions_file, ('"visib", ', "")), by="ann")


def test_a_service_that_is_used_is_not_removed(ledger: Ledger, definitions_file: Path) -> None:
    ledger.apply(catalog.load(definitions_file), by="ann")
    ledger.use("flights", model="delays")
    gone = edited(definitions_file, ('flights = FeatureService("flights"', 'FeatureService("x"'))
    with pytest.raises(BreakingChangeError, match="service: there -> gone"):
        ledger.apply(gone, by="ann")
    ledger.apply(gone, by="ann", force=True)
    assert not ledger.versions("flights")[0].is_present
    with pytest.raises(ServiceNotFoundError, match="flights@1"):
        ledger.use("flights", model="other")


def test_the_order_of_definitions_is_no_change(ledger: Ledger, definitions_file: Path) -> None:
    found = catalog.load(definitions_file)
    ledger.apply(found, by="ann")
    turned = catalog.collect([*reversed(found.views.values()), *found.services.values()])
    assert ledger.plan(turned).is_empty


def test_a_derived_column_counts_where_it_is_used(ledger: Ledger, definitions_file: Path) -> None:
    derive = 'features=["delay"], ttl="18h", derive={"late": "delay > %s"}'
    plain = ('features=["delay"], ttl="18h"', derive % 15)
    ledger.apply(edited(definitions_file, plain), by="ann")
    plan = ledger.apply(edited(definitions_file, (derive % 15, derive % 30)), by="ann")
    assert [c.name for c in plan.changes] == ["last"]
    assert [s.by for s in plan.services] == [("view last",)]


def test_applies_at_once_are_one_after_the_other(url: str, definitions_file: Path) -> None:
    definitions = catalog.load(definitions_file)
    found: list[bool] = []

    def apply() -> None:
        with Ledger(url) as ledger:
            found.append(ledger.apply(definitions, by="ann").is_empty)

    threads = [threading.Thread(target=apply) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False, *[True] * 5]
    with Ledger(url) as ledger:
        assert [v.version for v in ledger.versions()] == [1]


ON_DEMAND = """
from dovetail.features import FeatureService, OnDemandView
LIMIT = 15
ODD = {20, 30, 40}
later = lambda minutes: (
    minutes + 1
)
def is_long(minutes):
    return minutes > LIMIT or minutes in ODD
def trip(row):
    return {"long": is_long(later(row["minutes"]))}
view = OnDemandView("trip", request={"minutes": float}, features=["long"], compute=trip)
service = FeatureService("trips", [view])
"""


@pytest.mark.parametrize(
    "pair",
    [
        ("minutes > ", "minutes >= "),
        ("LIMIT = 15", "LIMIT = 20"),
        ("minutes + 1", "minutes + 2"),
        ("20, 30", "20, 31"),
    ],
    ids=["called", "constant", "lambda of many lines", "set"],
)
def test_another_function_is_another_version(
    ledger: Ledger, tmp_path: Path, pair: tuple[str, str]
) -> None:
    file = tmp_path / "trips.py"
    file.write_text(ON_DEMAND)
    ledger.apply(catalog.load(file), by="ann")
    assert ledger.plan(catalog.load(file)).is_empty
    plan = ledger.plan(edited(file, pair))
    assert [(c.name, c.fields[0].field) for c in plan.changes] == [("trip:long", "function")]
    assert [s.next_version for s in plan.services] == [2]


def test_no_password_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    file.write_text(
        "from dovetail.features import Entity, LatestView, SqlSource\n"
        "s = SqlSource('s', url='postgresql://me:${PW}@db/x?sslpassword=y', path='t')\n"
        "v = LatestView('v', entities=[Entity('e')], source=s, features=['f'])\n"
    )
    ledger.apply(catalog.load(file), by="ann")
    file.write_text(file.read_text().replace("me:", "you:").replace("=y", "=z"))
    assert ledger.plan(catalog.load(file)).is_empty


def test_a_name_with_an_at_sign_has_no_versions(ledger: Ledger, definitions_file: Path) -> None:
    named = edited(definitions_file, ('FeatureService("flights"', 'FeatureService("a@b"'))
    with pytest.raises(DefinitionError, match="cannot have versions"):
        ledger.apply(named, by="ann")


def test_a_version_answers_if_it_is_what_is_loaded(
    url: str, ledger: Ledger, definitions_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOVETAIL_FEATURES__APPLIED", url)
    assert place() == url
    first = catalog.load(definitions_file)
    with pytest.raises(ServiceNotFoundError, match="Apply the definitions"):
        first.service("flights@1")
    ledger.apply(first, by="ann")
    assert first.service("flights@1") is first.service("flights")
    second = edited(definitions_file, ('ttl="3h"', 'ttl="4h"'))
    with pytest.raises(VersionNotLoadedError) as refused:
        second.service("flights@1")
    assert str(refused.value) == (
        "flights@1 is asked for, and no version that was applied is loaded. "
        "views.sky.ttl: 3h -> 4h. Apply what is loaded, or load the definitions of flights@1."
    )
    ledger.apply(second, by="ann")
    with pytest.raises(VersionNotLoadedError, match="flights@2 is loaded"):
        second.service("flights@1")
    with pytest.raises(ServiceNotFoundError, match="Applied: flights@1, flights@2"):
        second.service("flights@9")
    back = edited(definitions_file, ('ttl="4h"', 'ttl="3h"'))
    ledger.apply(back, by="ann")
    assert back.service("flights@1") is back.service("flights@3")
    assert loaded_version(back, "flights", Registry(url).of("flights")) == 3


def test_a_training_set_is_of_the_version_or_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOVETAIL_FEATURES__APPLIED", f"sqlite:///{tmp_path}/r.db")
    file = tmp_path / "f.py"
    file.write_text(
        "from dovetail.features import Entity, FeatureService, LatestView, PushSource\n"
        "s = PushSource('s', event_time='at')\n"
        "v = LatestView('v', entities=[Entity('e')], source=s, features=['f'], ttl='3h')\n"
        "service = FeatureService('mine', [v])\n"
    )
    with Ledger(place()) as ledger:
        ledger.apply(catalog.load(file), by="ann")
    frames = {"s": pl.DataFrame({"e": [1], "at": [NOON], "f": [2.5]})}
    asked = pl.DataFrame({"e": [1], "asked_at": [NOON]})
    found = training_set(asked, "mine@1", catalog.load(file), frames=frames)
    assert found["f"].to_list() == [2.5]
    with pytest.raises(VersionNotLoadedError):
        training_set(asked, "mine@1", edited(file, ("3h", "4h")), frames=frames)


def test_a_server_answers_for_the_version_it_loaded(
    url: str, ledger: Ledger, definitions_file: Path, tmp_path: Path
) -> None:
    ledger.apply(catalog.load(definitions_file), by="ann")
    ledger.apply(edited(definitions_file, ('ttl="3h"', 'ttl="4h"')), by="ann")
    settings = FeatureSettings(definitions=str(definitions_file), applied=url)
    entities = {"origin": ["JFK"], "carrier": ["UA"], "tailnum": ["N1"]}
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOON)) as server:

        def ask(service: str) -> httpx.Response:
            body = {"feature_service": service, "entities": entities}
            return httpx.post(server.url + "/get-online-features", json=body)

        assert ask("flights@2").status_code == 200
        assert ask("flights@2").json() == ask("flights").json()
        other = ask("flights@1")
        assert other.status_code == 409
        assert "flights@2 is loaded" in other.text
        assert "views.sky.ttl: 3h -> 4h" in other.text
        assert ask("flights@99999999999999999999").status_code == 404
        assert ask("flights@").status_code == 404
        assert [len(v.servers) for v in ledger.versions("flights")] == [0, 1]
    assert [len(v.servers) for v in ledger.versions("flights")] == [0, 0]


def test_a_lookup_of_a_version_counts_for_the_service(definitions_file: Path) -> None:
    plan = lookup_of(catalog.load(definitions_file).service("flights").selections, False)
    plan.asked[0] = 2
    counted: dict[str, int] = {}
    drained({("flights@2", (), False): plan}, counted)
    assert counted == {"flights": 2}


def test_a_server_without_a_registry_says_so_and_serves(
    definitions_file: Path, tmp_path: Path
) -> None:
    lost = "postgresql://nobody@127.0.0.1:1/nothing"
    settings = FeatureSettings(definitions=str(definitions_file), applied=lost)
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOON)) as server:
        body = {"feature_service": "flights@1", "entities": {}}
        answer = httpx.post(server.url + "/get-online-features", json=body)
        assert answer.status_code == 503
        assert "registry of applied definitions cannot be read" in answer.text
        sky = {"features": ["sky:temp"], "entities": {"origin": ["JFK"]}}
        assert httpx.post(server.url + "/get-online-features", json=sky).status_code == 200


@pytest.mark.parametrize("command", [["versions"], ["use", "flights", "--by", "m"]])
def test_a_registry_that_is_not_there_is_not_made(tmp_path: Path, command: list[str]) -> None:
    url = f"sqlite:///{tmp_path}/typo.db"
    done = CliRunner().invoke(commands, [*command, "--db", url])
    assert "There is no registry" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_makes_no_file_and_says_if_definitions_fail(tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    file.write_text("1 / 0")
    url = f"sqlite:///{tmp_path}/none.db"
    done = CliRunner().invoke(commands, ["plan", str(file), "--db", url])
    assert done.exit_code == 1
    assert "ZeroDivisionError" in done.output
    assert list(tmp_path.iterdir()) == [file]


def test_that_something_would_change_is_not_said_as_a_typing_error(
    definitions_file: Path, tmp_path: Path
) -> None:
    ask = ["plan", str(definitions_file), "--db", f"sqlite:///{tmp_path}/none.db"]
    assert CliRunner().invoke(commands, ask).exit_code == 4
    assert CliRunner().invoke(commands, [*ask, "--changes"]).exit_code == 2


def test_a_plan_in_json_tells_every_field(definitions_file: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/r.db"
    with Ledger(url) as ledger:
        ledger.apply(catalog.load(definitions_file), by="ann")
        ledger.use("flights", model="delays")
    edited(definitions_file, ('ttl="3h"', 'ttl="4h"'))
    done = CliRunner().invoke(commands, ["plan", str(definitions_file), "--db", url, "--json"])
    assert done.exit_code == 3
    plan = json.loads(done.output)
    assert plan["is_breaking"]
    assert plan["changes"] == [
        {
            "what": "changed", "kind": "view", "name": "sky", "renamed": "",
            "fields": [{"field": "ttl", "old": "3h", "new": "4h"}],
        }
    ]  # fmt: skip
    (touched,) = plan["services"]
    assert (touched["version"], touched["next_version"], touched["by"]) == (1, 2, ["view sky"])
    assert touched["breaks"][0]["use"]["model"] == "delays"
