import pytest

from dovetail.base.errors import SettingsError
from dovetail.base.settings import JointSettings, ServerSettings, read_file


def file(tmp_path, text, environment=None):
    path = tmp_path / "dovetail.toml"
    path.write_text(text)
    return read_file(path, environment or {})


def test_flags_beat_environment_beats_file_beats_default(tmp_path):
    text = "[server]\nport = 1\nhost = '::1'\nstate = 'f'\n"
    environment = {"DOVETAIL_SERVER__PORT": "2", "DOVETAIL_SERVER__HOST": "localhost"}
    settings = file(tmp_path, text, environment).table("server", ServerSettings, {"port": 3})
    assert settings == ServerSettings(port=3, host="localhost", state="f", log_level="info")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[server]\nprot = 1", "[server] has no setting 'prot'. did you mean 'port'?"),
        ("[server]\nport = 'x'", "[server] is not valid. Expected `int`, got `str` - at `$.port`."),
        ("[server]\nport = 99999", "Expected `int` <= 65535 - at `$.port`."),
        ("server = 3", "'server' must be a table"),
        ("[server", "is not valid TOML"),
    ],
    ids=["typo", "type", "range", "not a table", "syntax"],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, message):
    with pytest.raises(SettingsError) as caught:
        file(tmp_path, text).table("server", ServerSettings)
    assert message in str(caught.value)
    assert "dovetail.toml" in str(caught.value)


def test_an_unknown_table_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"no setting 'trackin'. did you mean 'tracking'"):
        file(tmp_path, "[trackin]\n").check_tables(["tracking", "server"])


def test_a_wrong_environment_variable_is_refused():
    settings = read_file(None, {"DOVETAIL_JOINTS__TRAKING": "x"})
    with pytest.raises(SettingsError, match="DOVETAIL_JOINTS__TRAKING has no setting 'traking'"):
        settings.table("joints", JointSettings)


def test_a_missing_file_that_was_named_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        read_file(tmp_path / "nope.toml", {})
