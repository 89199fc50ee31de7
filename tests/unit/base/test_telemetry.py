import io
import json

import pytest

from dovetail.base import telemetry


def fail_with(secret: str) -> None:
    kept = secret
    raise ValueError(f"no {len(kept)}")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
def test_a_logged_error_shows_its_traceback_and_no_local_variable(as_json, capsys):
    telemetry.configure_logs("info", json=as_json)
    log = telemetry.logger("tests")
    try:
        fail_with("tok" + "en-123")
    except ValueError as error:
        log.error("failed", exc_info=error)
    said = capsys.readouterr().err
    assert "ValueError: no 9" in said
    assert "token-123" not in said


def test_logs_elsewhere_than_on_a_terminal_are_one_json_object_a_line(capsys):
    log = telemetry.logger("tests")
    telemetry.configure_logs("warning")
    log.info("quiet")
    log.warning("loud", rows=3)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["piece"], line["rows"]) == (
        "loud", "warning", "tests", 3
    )  # fmt: skip


def test_a_line_is_one_write_so_that_lines_of_several_processes_stay_whole(monkeypatch):
    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    writes: list[str] = []
    monkeypatch.setattr("sys.stderr", Pipe())
    telemetry.configure_logs()
    telemetry.logger("tests").warning("loud")
    assert len(writes) == 1
    assert writes[0].endswith("}\n")
