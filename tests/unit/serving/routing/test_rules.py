"""Rules decide, are refused when they make no sense, are remembered, and are taken back."""

import httpx
import pytest

SPLIT = {"kind": "split", "weights": {"1": 50, "2": 50}}


def versions(late, **parts):
    return [late.ask(f"r{i}", **parts) for i in range(30)]


def test_one_key_always_meets_one_version(late):
    late.put({**SPLIT, "sticky_by": "header:x-user"})
    users = {f"u{i}": late.ask(headers={"X-User": f"u{i}"}) for i in range(20)}
    assert set(users.values()) == {"1", "2"}
    for user, version in users.items():
        assert set(versions(late, headers={"x-user": user})) == {version}
    late.put({**SPLIT, "sticky_by": "parameter:user"})
    assert len({late.ask(f"r{i}", parameters={"user": 7}) for i in range(10)}) == 1
    assert set(versions(late)) == {"1", "2"}  # without a key the id decides


def test_testers_meet_the_version_that_they_ask_for(late):
    late.put(
        {"kind": "fixed", "version": "1"},
        overrides=[
            {"by": "header:x-group", "value": "testers", "version": "2"},
            {"by": "parameter:beta", "value": "true", "version": "2"},
        ],
    )
    assert late.ask() == "1"
    assert late.ask(headers={"x-group": "testers"}) == "2"
    assert late.ask(parameters={"beta": True}) == "2"
    assert late.ask(headers={"x-group": "others"}) == "1"


REFUSED = {
    "a version that is not loaded": (
        {"kind": "split", "weights": {"1": 1, "9": 1}}, 404, "has no version '9'. loaded: 1, 2",
    ),
    "no weight": ({"kind": "split", "weights": {"1": 0}}, 400, "no version of 'late' would get"),
    "a weight below zero": ({"kind": "split", "weights": {"1": -1}}, 400, "is -1"),
    "a kind that is not one": ({"kind": "magic"}, 400, "Invalid value 'magic'"),
    "a word that is not known": ({"kind": "fixed", "version": "1", "colour": 1}, 400, "colour"),
    "a key that is not one": ({**SPLIT, "sticky_by": "cookie:x"}, 400, "sticky_by"),
    "one arm": ({"kind": "thompson", "arms": ["1"]}, 400, "a bandit needs two arms"),
    "an arm twice": ({"kind": "thompson", "arms": ["1", "1"]}, 400, "an arm is named twice"),
    "a baseline outside": (
        {"kind": "experiment", "weights": {"1": 1, "2": 1}, "baseline": "3"}, 404, "'3'",
    ),
    "a share over one": ({"kind": "epsilon-greedy", "arms": ["1", "2"], "epsilon": 2}, 400, "eps"),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "status", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_rule_that_makes_no_sense_is_refused_and_changes_nothing(late, rule, status, message):
    before = late.do("GET", "/routing")
    assert message in late.put(rule, status)["error"]
    assert late.do("GET", "/routing") == before


def test_a_rule_loads_the_versions_that_it_has_uris_for(late):
    answer = late.put({"kind": "split", "weights": {"1": 1, "3": 1}}, uris={"3": "models:/late/3"})
    assert answer["weights"] == {"1": 1.0, "2": 0.0, "3": 1.0}
    assert set(versions(late)) == {"1", "3"}
    wrong = late.put({"kind": "fixed", "version": "5"}, 400, uris={"5": "models:/late/2"})
    assert "the URI of version '5' names version '2'" in wrong["error"]


def test_an_alias_stands_for_a_version_wherever_one_may_be_named(late):
    late.do("PUT", "/aliases/stable", {"version": "1"})
    late.do("PUT", "/aliases/canary", {"version": "2"})
    assert late.ask(path="late/versions/canary") == "2"
    assert late.ask(path="late@canary") == "2"
    ready = late.client.get("/v2/models/late@canary/ready")
    assert ready.status_code == 200
    late.put({"kind": "split", "weights": {"stable": 1, "canary": 1}})
    assert set(versions(late)) == {"1", "2"}
    late.do("PUT", "/aliases/stable", {"version": "2"})  # promoted: the rule follows
    assert set(versions(late)) == {"2"}
    assert late.do("GET", "/aliases") == {"aliases": {"stable": "2", "canary": "2"}}
    refused = late.do("DELETE", "/aliases/stable", status=409)
    assert "the rule of model 'late' names the alias 'stable'" in refused["error"]
    assert "cannot be an alias" in late.do("PUT", "/aliases/1", {"version": "2"}, 400)["error"]
    assert "no version '9'" in late.do("PUT", "/aliases/x", {"version": "9"}, 404)["error"]
    unknown = late.client.post("/v2/models/late@nobody/infer", json={"inputs": []})
    assert unknown.status_code in (400, 404)


def test_one_call_goes_back_to_the_rule_and_the_versions_before(late):
    late.put({"kind": "split", "weights": {"1": 9, "2": 1}})
    late.put({"kind": "fixed", "version": "2"})
    late.unload("1")
    assert late.do("GET", "/routing")["routing"]["rule"] == {"kind": "fixed", "version": "2"}
    back = late.do("POST", "/routing/rollback")
    assert back["routing"]["rule"]["weights"] == {"1": 9.0, "2": 1.0}
    assert back["cause"] == "rollback"
    assert late.ask(path="late/versions/1") == "1"  # loaded again
    back = late.do("POST", "/routing/rollback")  # further back
    assert back["routing"]["rule"] == {"kind": "fixed", "version": "1"}
    nothing = late.do("POST", "/routing/rollback", status=409)
    assert "nothing was in force before" in nothing["error"]


def test_the_history_says_what_was_in_force_since_when_and_by_whom(late):
    late.put(SPLIT)
    late.do("PUT", "/traffic", {"weights": {"2": 1}})
    late.do("DELETE", "/routing")
    entries = late.do("GET", "/routing/history")["entries"]
    assert [(e["cause"], e["actor"]) for e in entries] == [
        ("delete", "local"), ("traffic", "local"), ("put", "local"), ("load", ""),
    ]  # fmt: skip
    assert entries[0]["routing"]["rule"] == {"kind": "fixed", "version": "2"}
    assert all(e["since"].endswith("Z") for e in entries)
    assert len(late.do("GET", "/routing/history?limit=2")["entries"]) == 2


def test_the_simple_form_keeps_overrides_and_shadow(late):
    late.put(
        {"kind": "fixed", "version": "1"},
        overrides=[{"by": "header:x-group", "value": "a", "version": "2"}],
        shadow={"version": "2", "share": 0.5},
    )
    late.do("PUT", "/traffic", {"weights": {"1": 3, "2": 1}})
    routing = late.do("GET", "/routing")["routing"]
    assert routing["rule"]["weights"] == {"1": 3.0, "2": 1.0}
    assert routing["overrides"]
    assert routing["shadow"]["share"] == 0.5


def test_rules_and_aliases_survive_a_restart(run, at):
    rule = {"kind": "split", "weights": {"stable": 1, "2": 1}, "sticky_by": "header:x-user"}
    with run() as server:
        late = at(server.url)
        late.load("1")
        late.load("2")
        late.do("PUT", "/aliases/stable", {"version": "1"})
        late.put(rule)
        before = late.do("GET", "/routing")
        met = [late.ask(headers={"x-user": f"u{i}"}) for i in range(20)]
    with run() as server:
        late = at(server.url)
        assert late.do("GET", "/routing") == before
        assert [late.ask(headers={"x-user": f"u{i}"}) for i in range(20)] == met
        assert late.do("POST", "/routing/rollback")["routing"]["rule"]["kind"] == "fixed"


def test_what_a_rule_says_of_a_version_goes_with_the_version(late):
    late.put(
        SPLIT,
        overrides=[{"by": "header:x-group", "value": "a", "version": "2"}],
        shadow={"version": "2"},
    )
    late.unload("2")
    now = late.do("GET", "/routing")
    assert now["cause"] == "unload"
    assert now["routing"]["rule"] == {"kind": "fixed", "version": "1"}
    assert now["routing"]["overrides"] == []
    assert now["routing"]["shadow"] is None
    assert set(versions(late, headers={"x-group": "a"})) == {"1"}


def test_a_model_that_is_unloaded_whole_comes_back_with_its_rule(late):
    late.put(SPLIT)
    late.unload()
    assert late.client.post("/v2/models/late/infer", json={"inputs": []}).status_code >= 400
    assert late.client.post("/v2/repository/models/late/load").status_code == 200
    assert set(versions(late)) == {"1", "2"}


def test_a_followed_alias_that_a_rule_names_only_moves(run, registry, at):
    registry.aliases["late", "champion"] = "1"
    with run("models:/late@champion") as server:
        late = at(server.url)
        assert late.ask(path="late@champion") == "1"
        late.load("2")
        late.put({"kind": "split", "weights": {"champion": 1, "2": 1}})
        registry.aliases["late", "champion"] = "3"
        for _ in range(400):
            if late.do("GET", "/aliases")["aliases"]["champion"] == "3":
                break
            httpx.get(server.url + "/v2")
        assert set(versions(late)) == {"2", "3"}
        back = late.do("POST", "/routing/rollback")
        assert back["aliases"] == {"champion": "1"}
        assert set(versions(late)) == {"1", "2"}


def test_a_store_with_weights_becomes_one_with_rules(tmp_path):
    import sqlite3

    from dovetail.serving.store import Store

    file = tmp_path / "old.db"
    with sqlite3.connect(file) as old:
        old.executescript("""
            CREATE TABLE schema_revisions (name VARCHAR(64) PRIMARY KEY, revision INTEGER);
            INSERT INTO schema_revisions VALUES ('serving', 0);
            CREATE TABLE versions (model TEXT, version TEXT, uri TEXT, digest TEXT, pinned BOOLEAN,
                wanted BOOLEAN, loaded_ms BIGINT, PRIMARY KEY (model, version));
            CREATE TABLE follows (uri TEXT PRIMARY KEY, version TEXT NOT NULL);
            CREATE TABLE traffic (model TEXT, version TEXT, weight FLOAT);
            INSERT INTO traffic VALUES ('a', '1', 1), ('b', '1', 9), ('b', '2', 1);
        """)
    old.close()
    store = Store(f"sqlite:///{file}")
    rules = {name: state.routing.rule for name, state in store.states().items()}
    store.close()
    assert rules["a"].version == "1"
    assert rules["b"].weights == {"1": 9.0, "2": 1.0}
