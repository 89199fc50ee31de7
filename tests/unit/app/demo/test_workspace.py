import tomllib

import pytest

from dovetail.app.demo.workspace import prepare
from dovetail.base.errors import ConflictError, SettingsError


@pytest.fixture
def state(tmp_path, monkeypatch):
    pytest.importorskip("tomli_w")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "demo"


def written(workspace):
    return tomllib.loads(workspace.config.read_text())


def test_the_story_fills_in_what_the_user_leaves_open(state):
    workspace = prepare(state, None, port=8123)
    tables = written(workspace)
    assert workspace.url == "http://127.0.0.1:8123"
    assert tables["server"] == {"port": 8123, "state": str(state), "synchronous": "normal"}
    assert tables["governance"]["gates"] == [{"model": "flights", "alias": "champion"}]
    assert tables["serving"]["payload_log"] == "monitoring"
    assert tables["loop"]["model"] == "flights"
    assert set(tables["joints"].values()) == {"embedded"}


def test_the_users_settings_are_kept_beside_the_story(state, tmp_path):
    (tmp_path / "dovetail.toml").write_text(
        '[joints]\ntracking = "http://mlflow:5000"\nfeatures = "off"\n'
        "[loop]\ncanary_days = 5\n[server]\nport = 9001\n"
    )
    workspace = prepare(state, None)
    tables = written(workspace)
    assert workspace.server.port == 9001
    assert (tables["loop"]["canary_days"], tables["loop"]["model"]) == (5, "flights")
    assert tables["joints"]["tracking"] == workspace.joints["tracking"] == "http://mlflow:5000"
    assert not workspace.is_on("features")


def test_prepared_again_it_is_the_same(state):
    first = prepare(state, None)
    before = first.config.read_bytes()
    (state / "loop.db").touch()
    assert prepare(state, None) == first
    assert first.config.read_bytes() == before
    assert (state / "loop.db").exists()


def test_fresh_forgets_an_earlier_run(state):
    prepare(state, None)
    (state / "loop.db").touch()
    prepare(state, None, fresh=True)
    assert not (state / "loop.db").exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_something_else_is_left_alone(state, fresh):
    state.mkdir()
    (state / "thesis.txt").touch()
    with pytest.raises(ConflictError, match="is not empty and not a demo's"):
        prepare(state, None, fresh=fresh)
    assert [path.name for path in state.iterdir()] == ["thesis.txt"]


def test_other_joints_need_a_fresh_start(state, tmp_path):
    prepare(state, None)
    (tmp_path / "dovetail.toml").write_text('[joints]\ntracking = "http://mlflow:5000"\n')
    with pytest.raises(ConflictError) as refused:
        prepare(state, None)
    assert "was made with other joints (tracking). start afresh with --fresh" in str(refused.value)
    assert prepare(state, None, fresh=True).joints["tracking"] == "http://mlflow:5000"


def test_a_typo_is_refused_before_anything_is_written(state, tmp_path):
    (tmp_path / "dovetail.toml").write_text("[lop]\ncanary_days = 5\n")
    with pytest.raises(SettingsError, match="did you mean 'loop'"):
        prepare(state, None)
    assert not state.exists()
