"""Business figures of the service, named in its settings."""

import pytest
from tests.unit.monitoring.conftest import Log, Server

from dovetail.base.errors import SettingsError
from dovetail.monitoring.quality.plugged import load_business
from dovetail.monitoring.settings import MonitoringSettings

FIGURES = """
def cost(p, y):
    return 5.0 * ((p > 0.5) & (y == 0))

def broken(p, y):
    return [1.0]

LIMIT = 3

def dies(p, y):
    raise ValueError("no")
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "figures.py"
    path.write_text(FIGURES)
    return str(path)


def test_the_service_measures_figures_of_ones_own(tmp_path, file):
    import httpx

    from dovetail.monitoring.piece import piece
    from dovetail.web.testing import run_piece
    from dovetail.wire.monitoring import Client

    log, settings = Log(), MonitoringSettings(business=(f"{file}:cost",))
    with (
        run_piece(piece, settings, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url) as http,
        Client(running.url) as client,
    ):
        Server(http).send(
            log.request("r", [[1.0], [2.0], [3.0], [4.0]], columns=["a"]),
            log.response("r", [0.9, 0.2, 0.7, 0.1]),
            log.outcomes("o", {("r", 0): 1, ("r", 1): 0, ("r", 2): 0, ("r", 3): 0}),
        )
        assert client.quality("flights")["cost"].value == 1.25
        assert client.quality_by_day("flights")[0].quality["cost"].rows == 4
        segments = client.quality("flights", by="a").segments
        assert segments[0].realised[-1].name == "cost"
        assert "cost" in http.get("/monitoring/flights").text


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("cost", "'cost' names no function"),
        ("figures.py:", "names no function"),
        ("nowhere/figures.py:cost", "cannot be loaded"),
        ("no_such_module:cost", "no_such_module cannot be loaded"),
        ("{file}:LIMIT", "has no function 'LIMIT'"),
        ("{file}:profit", "has no function 'profit'"),
    ],
)
def test_what_cannot_be_a_figure_is_refused_at_the_start(file, place, why):
    with pytest.raises(SettingsError, match=why):
        load_business([place.format(file=file)])


def test_two_of_a_name_are_refused(file):
    with pytest.raises(SettingsError, match="two functions named 'cost'"):
        load_business([f"{file}:cost", f"{file}:cost"])


def test_a_figure_that_fails_is_said_to_be_at_fault_and_the_page_does_without(tmp_path, file):
    import httpx

    from dovetail.monitoring.piece import piece
    from dovetail.web.testing import run_piece

    log, settings = Log(), MonitoringSettings(business=(f"{file}:dies",))
    with (
        run_piece(piece, settings, state=tmp_path / "state") as running,
        httpx.Client(base_url=running.url) as http,
    ):
        Server(http).send(log.response("r", [0.9, 0.2]), log.outcomes("o", {("r", 0): 1}))
        answer = http.get("/monitoring/models/flights/quality")
        assert answer.status_code == 400
        assert "the business figure 'dies' failed" in answer.text
        assert http.get("/monitoring/flights").status_code == 200
