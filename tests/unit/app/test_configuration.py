import pytest

from dovetail.app.configuration import JOINTS, find_piece, load
from dovetail.base.errors import SettingsError
from dovetail.web.declared import joints_of, read_settings


@pytest.fixture
def write(tmp_path):
    def put(text):
        file = tmp_path / "dovetail.toml"
        file.write_text(text)
        return file

    return put


def test_without_a_file_everything_is_embedded_on_8080(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = load()
    assert found.embedded == list(JOINTS)
    assert (found.server.host, found.server.port, found.server.state) == (
        "127.0.0.1", 8080, ".dovetail",
    )  # fmt: skip


def test_the_file_in_this_folder_counts(write, tmp_path, monkeypatch):
    write("[server]\nport = 8090\n")
    monkeypatch.chdir(tmp_path)
    assert load().server.port == 8090


def test_flags_win_over_the_environment_which_wins_over_the_file(write, monkeypatch):
    file = write('[server]\nport = 1001\nstate = "file"\nlog_level = "error"\n')
    monkeypatch.setenv("DOVETAIL_SERVER__PORT", "1002")
    monkeypatch.setenv("DOVETAIL_SERVER__STATE", "environment")
    found = load(file, {"port": 1003, "state": None}).server
    assert (found.port, found.state, found.log_level) == (1003, "environment", "error")


def test_the_environment_may_fill_a_joint(monkeypatch):
    monkeypatch.setenv("DOVETAIL_JOINTS__TRACKING", "http://mlflow:5000")
    monkeypatch.setenv("DOVETAIL_TOKEN_TRACKING", "secret")
    found = load()
    assert found.joints["tracking"] == "http://mlflow:5000"
    assert "tracking" not in found.embedded
    assert found.tokens == {"tracking": "secret"}


def test_a_piece_finds_its_own_table(write):
    found = load(write('[serving]\nmodels = ["a.onnx"]\n'))
    assert found.settings_of(find_piece("serving")).models == ("a.onnx",)


WRONG = {
    "table": ("[severing]\n", "has no setting 'severing'. did you mean 'serving'?"),
    "joint": ('[joints]\ntraking = "off"\n', "[joints] has no setting 'traking'. did you mean"),
    "target": (
        '[joints]\ntracking = "localhost"\n',
        "joint tracking = 'localhost' is not understood. "
        'write "embedded", "off" or a URL that begins with http:// or https://.',
    ),
    "empty": ('[joints]\ndata = ""\n', "joint data = '' is not understood."),
    "port": ("[server]\nport = 70000\n", "[server] is not valid. Expected `int` <= 65535"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(text, message, write):
    with pytest.raises(SettingsError) as refused:
        load(write(text))
    assert message in str(refused.value)


def test_data_may_be_a_folder(write):
    file = read_settings(write('[joints]\ndata = "/lake"\nloop = "off"\n'))
    assert {k: v for k, v in joints_of(file).items() if v != "embedded"} == {
        "data": "/lake",
        "loop": "off",
    }


def test_a_piece_that_nobody_brings_is_named():
    with pytest.raises(SettingsError, match="no piece is named 'robots'"):
        find_piece("robots")
